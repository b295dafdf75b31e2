{{
    config(
        meta={
            'code': 'orders_begin_after_last_build',
            'message': "the orders begin on {examples}, after those of the last build ended: where they are only the newest part, give all parts as one folder"
        }
    )
}}

with

as_of as (

    select * from {{ ref('int_as_of') }}

),

last_build as (

    {{ last_build() }}

),

final as (

    select as_of.first_order_date as example

    from as_of

    cross join last_build

    where as_of.first_order_date >= last_build.as_of_date

)

select * from final
