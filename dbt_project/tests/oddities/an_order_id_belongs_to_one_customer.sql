{{
    config(
        meta={
            'code': 'shared_order_ids',
            'message': "order ids under more than one customer: {n}; each pair of customer and order counts as an order of its own"
        }
    )
}}

with

customer_orders as (

    select * from {{ ref('int_customer_orders') }}

),

final as (

    select order_id

    from customer_orders

    group by order_id

    having count(*) > 1

)

select * from final
