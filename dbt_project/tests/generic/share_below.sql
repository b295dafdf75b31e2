{% test share_below(model, of, at_most) %}

with final as (

    select
        sum(case when {{ of }} then 1 else 0 end) as matching_rows,
        count(*) as all_rows

    from {{ model }}

)

select * from final where matching_rows > {{ at_most }} * all_rows

{% endtest %}
