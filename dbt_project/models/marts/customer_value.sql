with

customer_features as (

    select * from {{ ref('customer_features') }}

),

predictions as (

    select * from {{ ref('predictions') }}

),

counted as (

    select count(*) as customers from predictions

),

-- Ranked before the features come to it: to sort few columns is faster.
ranked as (

    select
        *,
        rank() over (order by predicted_clv desc) as clv_rank,
        ntile(10) over (order by predicted_clv desc, customer_id) as clv_decile

    from predictions

),

final as (

    select
        customer_features.*,
        ranked.predicted_clv,
        ranked.purchase_probability,
        ranked.expected_purchases,
        ranked.clv_lower,
        ranked.clv_upper,
        ranked.model_id,
        ranked.predicted_at,
        ranked.clv_rank,
        ranked.clv_decile,
        (counted.customers - ranked.clv_rank + 1) / cast(counted.customers as double) as clv_percentile

    from customer_features

    inner join ranked
        on customer_features.customer_id = ranked.customer_id

    cross join counted

)

select * from final

-- Who looks one customer up in the published file reads only the blocks with ids near it.
order by customer_id
