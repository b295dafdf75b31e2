with

value_by_date as (

    select * from {{ ref('value_by_date') }}

),

prediction_history as (

    select * from {{ ref('prediction_history') }}

),

stg_orders as (

    select * from {{ ref('stg_orders') }}

),

as_of as (

    select * from {{ ref('int_as_of') }}

),

-- Orders are known until the as-of date, and only while there are any.
newest_due as (

    select max(value_by_date.as_of_date) as as_of_date

    from value_by_date

    cross join as_of

    where
        {{
            days_between(
                'value_by_date.as_of_date', 'least(as_of.as_of_date, as_of.last_order_date)'
            )
        }} >= value_by_date.horizon_days

),

due as (

    select value_by_date.*

    from value_by_date

    inner join newest_due
        on value_by_date.as_of_date = newest_due.as_of_date

),

predicted as (

    select
        prediction_history.customer_id,
        prediction_history.predicted_clv

    from prediction_history

    inner join due
        on prediction_history.as_of_date = due.as_of_date

),

ranked as (
{{ ranked('predicted') }}

),

lines_since as (

    select
        stg_orders.customer_id,
        stg_orders.revenue,
        {{ days_between('due.as_of_date', 'stg_orders.created_at_date') }} as days_ahead,
        due.horizon_days,
        coalesce(due.discount_rate, 0) as discount_rate

    from stg_orders

    inner join due
        on stg_orders.created_at_date > due.as_of_date

),

actual as (

    select
        customer_id,
        cast(sum({{ discounted('revenue', 'days_ahead', 'discount_rate') }}) as double) as actual_value

    from lines_since

    where days_ahead <= horizon_days

    group by customer_id

),

by_decile as (

    select
        ranked.clv_decile as decile,
        count(*) as customers,
        count(actual.customer_id) as customers_who_ordered,
        sum(ranked.predicted_clv) as predicted_value,
        coalesce(sum(actual.actual_value), 0) as actual_value

    from ranked

    left join actual
        on ranked.customer_id = actual.customer_id

    group by ranked.clv_decile

),

final as (

    select
        due.as_of_date,
        due.model_id,
        due.horizon_days,
        by_decile.decile,
        by_decile.customers,
        by_decile.customers_who_ordered,
        by_decile.predicted_value,
        by_decile.actual_value

    from by_decile

    cross join due

)

select * from final

order by decile
