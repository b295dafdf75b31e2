{% test row_exists(model, condition='true') %}

with

final as (

    select count(*) as matching_rows

    from {{ model }}

    where {{ condition }}

)

select * from final where matching_rows = 0

{% endtest %}
