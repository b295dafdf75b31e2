{{
    config(
        meta={
            'code': 'customers_changed',
            'message': "the number of customers is {n} % off the last published build's"
        },
        fail_calc='coalesce(max(percent_off), 0)',
        warn_if='> 30',
        error_if='> 30'
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

    select {{ percent_off('predictions.customers', 'last_build.customers') }} as percent_off

    from predictions

    cross join last_build

    -- fewer than half is told by the test of that
    where 2 * predictions.customers >= last_build.customers

)

select * from final
