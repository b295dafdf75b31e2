with

customer_features as (

    select * from {{ ref('customer_features') }}

),

predictions as (

    select * from {{ ref('predictions') }}

),

joined as (

    select
        customer_features.*,
        predictions.predicted_clv,
        predictions.model_id,
        predictions.predicted_at

    from customer_features

    inner join predictions
        on customer_features.customer_id = predictions.customer_id

),

ranked as (

    select
        *,
        rank() over (order by predicted_clv desc) as clv_rank,
        ntile(10) over (order by predicted_clv desc, customer_id) as clv_decile

    from joined

),

counted as (

    select count(*) as customers from joined

),

final as (

    select
        ranked.*,
        (counted.customers - ranked.clv_rank + 1) / cast(counted.customers as double) as clv_percentile

    from ranked

    cross join counted

)

select * from final
