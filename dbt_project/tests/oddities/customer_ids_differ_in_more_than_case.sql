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

    select
        customer_id,
        {{ row_digest(["lower(replace(customer_id, ' ', ''))"]) }} as digest

    from {{ ref('customer_features') }}

),

alike as (

    select digest

    from customers

    group by digest

    having count(*) > 1

),

final as (

    select min(customers.customer_id) || ' and ' || max(customers.customer_id) as example

    from customers

    inner join alike
        on customers.digest = alike.digest

    group by lower(replace(customers.customer_id, ' ', ''))

    having count(*) > 1

)

select * from final
