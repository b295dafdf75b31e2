{{
    config(
        meta={
            'code': 'ids_alike',
            'message': "customers whose ids differ only by case or blanks: {n}, such as {examples}; each spelling counts as a customer of its own"
        }
    )
}}

with

customers as (

    select customer_id from {{ ref('customer_features') }}

),

final as (

    select min(customer_id) || ' and ' || max(customer_id) as example

    from customers

    group by lower(replace(customer_id, ' ', ''))

    having count(*) > 1

)

select * from final
