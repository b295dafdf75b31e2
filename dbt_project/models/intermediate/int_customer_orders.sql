{{
    config(
        pre_hook="{{ store_text_as('zstd') }}",
        post_hook="{{ store_text_as('auto') }}"
    )
}}

with

stg_orders as (

    select * from {{ ref('stg_orders') }}

),

as_of as (

    select * from {{ ref('int_as_of') }}

),

known_by_then as (

    select stg_orders.*

    from stg_orders

    cross join as_of

    where stg_orders.created_at_date <= as_of.as_of_date

),

final as (

    select
        customer_id,
        order_id,
        min(created_at_date) as order_date,
        cast(sum(num_items) as bigint) as num_items,
        cast(sum(revenue) as decimal(38, 6)) as revenue,
        count(*) as order_lines

    from known_by_then

    group by customer_id, order_id

)

select * from final
