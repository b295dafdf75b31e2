{# Only rows that share their digest with another are compared by their text: to group a number is faster. #}
{% test unique_together(model, columns) %}

with

digested as (

    select
        {{ columns | join(', ') }},
        {{ row_digest(columns) }} as digest

    from {{ model }}

),

repeated as (

    select digest

    from digested

    group by digest

    having count(*) > 1

),

final as (

    select
        {{ columns | join(', ') }},
        count(*) as how_often

    from digested

    inner join repeated
        on digested.digest = repeated.digest

    group by {{ columns | join(', ') }}

    having count(*) > 1

)

select * from final

{% endtest %}
