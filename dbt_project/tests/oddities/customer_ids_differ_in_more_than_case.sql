{{
    config(
        meta={
            'code': 'ids_alike',
            'message': "customers whose ids differ only by case, blanks or leading zeros: {n}, such as {examples}; each spelling counts as a customer of its own"
        }
    )
}}

with

customers as (

    select
        customer_id,
        trim(leading '0' from lower(replace(customer_id, ' ', ''))) as bare_id

    from {{ ref('customer_features') }}

),

digested as (

    select
        *,
        {{ row_digest(['bare_id']) }} as digest

    from customers

),

alike as (

    select digest

    from digested

    group by digest

    having count(*) > 1

),

final as (

    select min(digested.customer_id) || ' and ' || max(digested.customer_id) as example

    from digested

    inner join alike
        on digested.digest = alike.digest

    group by digested.bare_id

    having count(*) > 1

)

select * from final
