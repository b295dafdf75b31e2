-- Each report counts the customers of its date, each once. (What they are worth is held by unit tests: sums of doubles
-- differ in their last digits.)
with

value_by_date as (

    select * from {{ ref('value_by_date') }}

),

this_date as (

    select value_by_date.customers

    from value_by_date

    inner join {{ ref('int_as_of') }} as as_of
        on value_by_date.as_of_date = as_of.as_of_date

),

compared_dates as (

    select value_by_date.customers

    from value_by_date

    inner join {{ ref('int_compared_dates') }} as compared_dates
        on value_by_date.as_of_date = compared_dates.compared_with

),

due as (

    select distinct value_by_date.customers

    from value_by_date

    inner join {{ ref('predicted_and_actual') }} as predicted_and_actual
        on value_by_date.as_of_date = predicted_and_actual.as_of_date

),

counted as (

    select
        'customers of this date' as report,
        (select count(*) from {{ ref('predictions') }}) as counted,
        (select max(customers) from this_date) as expected

    union all

    select
        'cohorts',
        (select sum(customers) from {{ ref('cohorts') }}),
        (select max(customers) from this_date)

    union all

    select
        'changes, now',
        (select sum(customers) from {{ ref('value_changes') }} where movement <> 'left'),
        (select max(this_date.customers) from this_date cross join compared_dates)

    union all

    select
        'changes, before',
        (select sum(customers) from {{ ref('value_changes') }} where movement <> 'joined'),
        (select max(customers) from compared_dates)

    union all

    select
        'predicted and actual',
        (select sum(customers) from {{ ref('predicted_and_actual') }}),
        (select max(customers) from due)

)

select * from counted

where counted is distinct from expected
