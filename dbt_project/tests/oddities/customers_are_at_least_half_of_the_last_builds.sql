{{
    config(
        meta={
            'code': 'customers_missing',
            'message': "the orders hold fewer than half of the customers of the last published build, {n} fewer: where they are only a part, give all parts as one folder"
        },
        fail_calc='coalesce(max(fewer), 0)'
    )
}}

with

predictions as (

    select count(*) as customers from {{ ref('predictions') }}

),

last_build as (

    {{ last_build() }}

),

final as (

    select last_build.customers - predictions.customers as fewer

    from predictions

    cross join last_build

    where 2 * predictions.customers < last_build.customers

)

select * from final
