with

customer_features as (

    select * from {{ ref('customer_features') }}

),

stg_orders as (

    select * from {{ ref('stg_orders') }}

),

settings as (

    select * from {{ ref('int_settings') }}

),

what_came_next as (

    select
        customer_features.customer_id,
        stg_orders.revenue,
        {{ dbt.datediff('customer_features.as_of_date', 'stg_orders.created_at_date', 'day') }} as days_ahead

    from customer_features

    inner join stg_orders
        on customer_features.customer_id = stg_orders.customer_id
        and customer_features.as_of_date < stg_orders.created_at_date

),

-- Each line is rounded to a decimal, so that the sum has the same digits whatever the order in which it is taken.
discounted as (

    select
        what_came_next.customer_id,
        cast(
            what_came_next.revenue / power(1 + settings.discount_rate, what_came_next.days_ahead / 365.0)
            as decimal(38, 6)
        ) as value_today

    from what_came_next

    cross join settings

    where what_came_next.days_ahead <= settings.label_days

),

by_customer as (

    select
        customer_id,
        sum(value_today) as actual_value

    from discounted

    group by customer_id

),

final as (

    select
        customer_features.customer_id,
        cast(coalesce(by_customer.actual_value, 0) as double) as actual_value

    from customer_features

    left join by_customer
        on customer_features.customer_id = by_customer.customer_id

)

select * from final
