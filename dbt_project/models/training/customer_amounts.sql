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

numbered as (

    select
        customer_id,
        revenue,
        row_number() over (partition by customer_id order by order_date) as number

    from purchase_days

),

-- The logarithms are rounded to decimals, so that their sum has the same digits whatever the order in which it is taken.
by_customer as (

    select
        customer_id,
        count(*) as purchase_days,
        cast(sum(revenue) as double) as revenue,
        cast(sum(case when number > 1 then revenue end) as double) as revenue_after_first,
        cast(sum(cast(ln(cast(revenue as double)) as decimal(18, 9))) as double) as logarithms

    from numbered

    group by customer_id

),

final as (

    select
        customer_id,
        round(ln(revenue / purchase_days) - logarithms / purchase_days, 8) as log_spread,
        coalesce(revenue_after_first / nullif(purchase_days - 1, 0), 0) as mean_repeat_spend

    from by_customer

)

select * from final
