with

value_by_date as (

    select * from {{ ref('value_by_date') }}

),

as_of as (

    select * from {{ ref('int_as_of') }}

),

this_build as (

    select value_by_date.*

    from value_by_date

    inner join as_of
        on value_by_date.as_of_date = as_of.as_of_date

),

-- Builds of every day would otherwise be compared with yesterday's, in which nothing has happened.
earlier as (

    select
        value_by_date.*,
        row_number() over (
            order by
                abs({{ days_between('value_by_date.as_of_date', 'this_build.as_of_date') }} - 7),
                value_by_date.as_of_date
        ) as place

    from value_by_date

    inner join this_build
        on value_by_date.as_of_date < this_build.as_of_date

),

final as (

    select
        this_build.as_of_date,
        earlier.as_of_date as compared_with,
        this_build.model_id = earlier.model_id
        and this_build.horizon_days is not distinct from earlier.horizon_days as is_comparable

    from this_build

    inner join earlier
        on earlier.place = 1

)

select * from final
