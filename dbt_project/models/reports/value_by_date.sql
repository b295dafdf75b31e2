with

prediction_history as (

    select * from {{ ref('prediction_history') }}

),

final as (

    -- A date has one model: it is built whole.
    select
        as_of_date,
        any_value(model_id) as model_id,
        any_value(horizon_days) as horizon_days,
        any_value(discount_rate) as discount_rate,
        count(*) as customers,
        sum(predicted_clv) as predicted_clv

    from prediction_history

    group by as_of_date

)

select * from final

order by as_of_date
