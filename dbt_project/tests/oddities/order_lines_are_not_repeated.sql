{{
    config(
        meta={
            'code': 'repeated_lines',
            'message': "repeated order lines: {n}; each counts as often as it stands in the file"
        }
    )
}}

with

stg_orders as (

    select * from {{ ref('stg_orders') }}

),

final as (

    select count(*) as how_often

    from stg_orders

    group by {{ row_digest(['customer_id', 'order_id', 'order_item_id', 'num_items', 'revenue', 'created_at_date']) }}

    having count(*) > 1

)

select * from final
