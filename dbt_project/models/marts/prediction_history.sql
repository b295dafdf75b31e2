{{
    config(
        materialized='incremental',
        incremental_strategy=history_strategy(),
        unique_key='as_of_date',
        partition_by=history_partition(),
        on_schema_change='fail',
        full_refresh=false,
        post_hook="{{ trim_history() }}"
    )
}}

with

predictions as (

    select * from {{ ref('predictions') }}

),

final as (

    select
        customer_id,
        as_of_date,
        predicted_clv,
        model_id,
        horizon_days,
        discount_rate,
        predicted_at

    from predictions

)

select * from final
