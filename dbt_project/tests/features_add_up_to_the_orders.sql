-- What the features say in sum is what the order lines say in sum. Money is compared to a millionth of itself, because
-- each customer's exact sum was rounded to a double.
with

as_of as (

    select * from {{ ref('int_as_of') }}

),

lines_in_time as (

    select
        count(*) as order_lines,
        sum(stg_orders.revenue) as revenue

    from {{ ref('stg_orders') }} as stg_orders

    inner join as_of
        on stg_orders.created_at_date <= as_of.as_of_date

),

orders_in_time as (

    select
        sum(order_lines) as order_lines,
        count(*) as orders

    from {{ ref('int_customer_orders') }}

),

features as (

    select
        sum(total_revenue) as revenue,
        sum(abs(total_revenue)) as size,
        sum(total_orders) as orders

    from {{ ref('customer_features') }}

)

select features.*

from features

cross join lines_in_time

cross join orders_in_time

where
    orders_in_time.order_lines <> lines_in_time.order_lines
    or features.orders <> orders_in_time.orders
    or abs(features.revenue - lines_in_time.revenue) > 0.000001 * (1 + features.size)
