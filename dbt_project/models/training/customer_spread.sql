with

customer_orders as (

    select * from {{ ref('int_customer_orders') }}

),

purchase_days as (

    select
        customer_id,
        order_date,
        sum(revenue) as revenue

    from customer_orders

    group by customer_id, order_date

    having sum(revenue) > 0

),

-- The logarithms are rounded to decimals, so that their sum has the same digits whatever the order in which it is taken.
by_customer as (

    select
        customer_id,
        count(*) as purchase_days,
        cast(sum(revenue) as double) as revenue,
        cast(sum(cast(ln(cast(revenue as double)) as decimal(18, 9))) as double) as logarithms

    from purchase_days

    group by customer_id

),

final as (

    select
        customer_id,
        round(ln(revenue / purchase_days) - logarithms / purchase_days, 8) as log_spread

    from by_customer

)

select * from final
