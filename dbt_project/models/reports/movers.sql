with

predictions as (

    select * from {{ ref('predictions') }}

),

prediction_history as (

    select * from {{ ref('prediction_history') }}

),

compared_dates as (

    select * from {{ ref('int_compared_dates') }}

),

before as (

    select
        prediction_history.customer_id,
        prediction_history.predicted_clv

    from prediction_history

    inner join compared_dates
        on prediction_history.as_of_date = compared_dates.compared_with

    where compared_dates.is_comparable

),

changed as (

    select
        predictions.customer_id,
        before.predicted_clv as predicted_before,
        predictions.predicted_clv as predicted_now,
        predictions.predicted_clv - before.predicted_clv as change

    from predictions

    inner join before
        on predictions.customer_id = before.customer_id

),

risers as (

    select * from changed

    where change > 0

    order by change desc, customer_id

    limit 10

),

fallers as (

    select * from changed

    where change < 0

    order by change, customer_id

    limit 10

),

final as (

    select * from risers

    union all

    select * from fallers

)

select * from final
