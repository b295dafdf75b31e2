{{
    config(
        meta={
            'code': 'value_changed',
            'message': "the total predicted value is {n} % off the last published build's"
        },
        fail_calc='coalesce(max(percent_off), 0)',
        warn_if='> 30',
        error_if='> 30'
    )
}}

with

predictions as (

    select sum(predicted_clv) as predicted_clv from {{ ref('predictions') }}

),

last_build as (

    {{ last_build() }}

),

final as (

    select {{ percent_off('predictions.predicted_clv', 'last_build.predicted_clv') }} as percent_off

    from predictions

    cross join last_build

)

select * from final
