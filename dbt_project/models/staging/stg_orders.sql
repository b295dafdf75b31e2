with

base_orders as (

    select * from {{ ref('base_orders') }}

),

rejected_orders as (

    select * from {{ ref('rejected_orders') }}

),

-- Which lines those are was found once: to look it up there costs less than to judge every line again.
final as (

    select
        customer_id,
        order_id,
        order_item_id,
        num_items,
        revenue,
        created_at_date

    from base_orders

    where not exists (

        select 1

        from rejected_orders

        where
            rejected_orders.record_number = base_orders.record_number
            and rejected_orders.malformed_part = base_orders.malformed_part

    )

)

select * from final
