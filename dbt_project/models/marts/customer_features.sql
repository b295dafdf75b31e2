with

customer_orders as (

    select * from {{ ref('int_customer_orders') }}

),

as_of as (

    select * from {{ ref('int_as_of') }}

),

-- The orders of one day are peers in this window, so that the frame of the current row is the day.
with_day as (

    select
        *,
        lag(order_date) over (partition by customer_id order by order_date) as previous_order_date,
        sum(revenue) over (
            partition by customer_id
            order by order_date
            range between current row and current row
        ) as revenue_of_day

    from customer_orders

),

with_purchase_day as (

    select
        with_day.*,
        {{ days_between('with_day.previous_order_date', 'with_day.order_date') }} as days_since_previous_order,
        case when with_day.revenue_of_day > 0 then with_day.order_date end as purchase_date,
        -- Each day is counted at its first order.
        case
            when
                with_day.revenue_of_day > 0
                and (with_day.previous_order_date is null or with_day.previous_order_date < with_day.order_date)
                then {{ days_between('with_day.order_date', 'as_of.as_of_date') }}
        end as bought_days_ago

    from with_day

    cross join as_of

),

by_customer as (

    select
        customer_id,
        min(order_date) as first_order_date,
        max(order_date) as last_order_date,
        max(num_items) as max_num_items,
        cast(max(revenue) as double) as max_revenue,
        cast(sum(revenue) as double) as total_revenue,
        count(*) as total_orders,
        max(days_since_previous_order) as longest_interval,
        cast(sum(num_items) as bigint) as total_num_items,
        count(bought_days_ago) as purchase_days,
        count(case when bought_days_ago < 30 then 1 end) as purchase_days_30,
        count(case when bought_days_ago < 90 then 1 end) as purchase_days_90,
        count(case when bought_days_ago < 365 then 1 end) as purchase_days_365,
        min(purchase_date) as first_purchase_date,
        max(purchase_date) as last_purchase_date

    from with_purchase_day

    group by customer_id

),

of_repeat_customers as (

    select coalesce(avg(longest_interval), 0) as average_longest_interval

    from by_customer

),

final as (

    select
        by_customer.customer_id,
        as_of.as_of_date,
        by_customer.first_order_date,
        by_customer.last_order_date,
        by_customer.max_num_items,
        by_customer.max_revenue,
        by_customer.total_revenue,
        by_customer.total_orders,
        {{ days_between('by_customer.last_order_date', 'as_of.as_of_date') }} as days_since_last_order,
        cast(
            coalesce(
                by_customer.longest_interval,
                of_repeat_customers.average_longest_interval
                + {{ days_between('by_customer.last_order_date', 'as_of.as_of_date') }}
            ) as double
        ) as longest_interval,
        by_customer.total_num_items,
        cast(greatest(by_customer.purchase_days - 1, 0) as bigint) as frequency,
        coalesce(
            {{ days_between('by_customer.first_purchase_date', 'by_customer.last_purchase_date') }}, 0
        ) as recency,
        {{
            days_between(
                'coalesce(by_customer.first_purchase_date, by_customer.first_order_date)', 'as_of.as_of_date'
            )
        }} as customer_age,
        by_customer.total_revenue / greatest(by_customer.purchase_days, 1) as monetary_value,
        by_customer.purchase_days_30,
        by_customer.purchase_days_90,
        by_customer.purchase_days_365,
        {{ days_between("cast('1970-01-01' as date)", 'as_of.as_of_date') }} as as_of_day

    from by_customer

    cross join of_repeat_customers

    cross join as_of

)

select * from final

-- Models are given the customers in this order, and who looks one up reads only the blocks with ids near it.
{{ in_order_of('customer_id') }}
