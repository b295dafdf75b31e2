{{
    config(
        meta={
            'code': 'improbable_share',
            'message': "customers who hold an improbable share of all orders: {n}: {examples}; where such an id stands for nobody, leave its lines out"
        }
    )
}}

with

customers as (

    select
        customer_id,
        total_orders

    from {{ ref('customer_features') }}

),

total as (

    select
        count(*) as customers,
        sum(total_orders) as orders

    from customers

),

-- One in twenty of all orders, and ten times what a customer has in the mean: a best customer has less.
final as (

    select customers.customer_id as example

    from customers

    cross join total

    where
        customers.total_orders * 20 >= total.orders
        and customers.total_orders * total.customers >= 10 * total.orders

    order by customers.total_orders desc, customers.customer_id

)

select * from final
