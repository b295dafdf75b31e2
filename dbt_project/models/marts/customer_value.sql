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

final as (

    select
        *,
        rank() over (order by predicted_clv desc) as clv_rank,
        cume_dist() over (order by predicted_clv) as clv_percentile,
        ntile(10) over (order by predicted_clv desc, customer_id) as clv_decile

    from joined

)

select * from final
