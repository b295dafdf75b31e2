{%- set strict = var('strict', env_var('STRICT', '')) | string | lower in ('1', 'true') -%}

{{
    config(
        meta={
            'code': 'as_of_in_the_future',
            'message': "the as-of date is in the future, by days: {n}; the last orders are of {examples}. Mend lines of days to come, or give the right day with AS_OF=YYYY-MM-DD"
        },
        severity='warn' if setting('as_of') and not strict else 'error',
        fail_calc='coalesce(max(days_ahead), 0)'
    )
}}

with

as_of as (

    select * from {{ ref('int_as_of') }}

),

-- By default it is the day after the last order, which is tomorrow where orders came in today; and it is tomorrow
-- already in some time zones.
final as (

    select
        last_order_date as example,
        {{ days_between(dbt.current_timestamp(), 'as_of_date') }} as days_ahead

    from as_of

    where {{ days_between(dbt.current_timestamp(), 'as_of_date') }} > 2

)

select * from final
