with

base_orders as (

    select * from {{ ref('base_orders') }}

),

final as (

    select
        customer_id,
        order_id,
        order_item_id,
        num_items,
        revenue,
        created_at_date

    from base_orders

    where rejection_reason is null

)

select * from final
