with

stg_orders as (

    select * from {{ ref('stg_orders') }}

),

settings as (

    select * from {{ ref('int_settings') }}

),

span as (

    select
        min(created_at_date) as first_order_date,
        max(created_at_date) as last_order_date

    from stg_orders

),

final as (

    select
        coalesce(
            settings.as_of, {{ day_after('span.last_order_date') }}
        ) as as_of_date,
        span.first_order_date,
        span.last_order_date

    from span

    cross join settings

)

select * from final
