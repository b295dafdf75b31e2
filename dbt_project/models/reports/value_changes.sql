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

),

now as (

    select
        predictions.customer_id,
        predictions.predicted_clv

    from predictions

    inner join compared_dates
        on predictions.as_of_date = compared_dates.as_of_date

),

moved as (

    select
        before.predicted_clv as predicted_before,
        now.predicted_clv as predicted_now,
        case
            when before.customer_id is null then 'joined'
            when now.customer_id is null then 'left'
            when not compared_dates.is_comparable then 'predicted anew'
            when now.predicted_clv > before.predicted_clv then 'risen'
            when now.predicted_clv < before.predicted_clv then 'fallen'
            else 'unchanged'
        end as movement

    from now

    full outer join before
        on now.customer_id = before.customer_id

    cross join compared_dates

),

final as (

    select
        movement,
        count(*) as customers,
        coalesce(sum(predicted_before), 0) as predicted_before,
        coalesce(sum(predicted_now), 0) as predicted_now

    from moved

    group by movement

)

select * from final
