{{
    config(
        meta={
            'code': 'as_of_before_last_build',
            'message': "the as-of date is before the last published build's, by days: {n}"
        },
        fail_calc='coalesce(max(days_before), 0)'
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

    select {{ days_between('as_of.as_of_date', 'last_build.as_of_date') }} as days_before

    from as_of

    cross join last_build

    where as_of.as_of_date < last_build.as_of_date

)

select * from final
