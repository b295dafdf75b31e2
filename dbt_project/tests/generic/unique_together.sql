{# Only rows that share their digest with another are compared by their text: to group a number is faster. #}
{% test unique_together(model, columns) %}

with

repeated as (

    select {{ row_digest(columns) }} as digest

    from {{ model }}

    group by {{ row_digest(columns) }}

    having count(*) > 1

),

final as (

    select
        {{ columns | join(', ') }},
        count(*) as how_often

    from {{ model }}

    inner join repeated
        on {{ row_digest(columns) }} = repeated.digest

    group by {{ columns | join(', ') }}

    having count(*) > 1

)

select * from final

{% endtest %}
