with

stg_orders as (

    select * from {{ ref('stg_orders') }}

),

as_of as (

    select * from {{ ref('int_as_of') }}

),

settings as (

    select * from {{ ref('int_settings') }}

),

with_days_ahead as (

    select
        stg_orders.customer_id,
        stg_orders.revenue,
        {{ days_between('as_of.as_of_date', 'stg_orders.created_at_date') }} as days_ahead,
        settings.label_days,
        settings.discount_rate

    from stg_orders

    cross join as_of

    cross join settings

),

-- Each line is rounded to a decimal, so that the sum has the same digits whatever the order in which it is taken.
discounted as (

    select
        customer_id,
        days_ahead,
        case
            when days_ahead between 1 and label_days
                then {{ discounted('revenue', 'days_ahead', 'discount_rate') }}
            else 0
        end as value_today

    from with_days_ahead

),

final as (

    select
        customer_id,
        cast(sum(value_today) as double) as actual_value

    from discounted

    group by customer_id

    -- Known at the as-of date.
    having min(days_ahead) <= 0

)

select * from final
