{{
    config(
        meta={
            'code': 'orders_decades_apart',
            'message': "orders that lie ten years or more from all others: {n}, of {examples}; such dates often stand for none"
        },
        fail_calc='coalesce(sum(orders), 0)'
    )
}}

with

days as (

    select
        order_date,
        count(*) as orders

    from {{ ref('int_customer_orders') }}

    group by order_date

),

gaps as (

    select
        *,
        {{ days_between('lag(order_date) over (order by order_date)', 'order_date') }} >= 3650 as is_far_from_before

    from days

),

-- A stretch of time without such a gap in it.
stretches as (

    select
        *,
        sum(case when is_far_from_before then 1 else 0 end) over (
            order by order_date rows unbounded preceding
        ) as stretch

    from gaps

),

sizes as (

    select
        stretch,
        min(order_date) as example,
        sum(orders) as orders

    from stretches

    group by stretch

),

ranked as (

    select
        *,
        row_number() over (order by orders desc, stretch desc) as place

    from sizes

),

-- Of two that hold as many, the later one is what the others lie far from.
final as (

    select
        example,
        orders

    from ranked

    where place > 1

)

select * from final
