{#
  One row, with a list for each measure of the rows of a relation: `measures` are (name, expression, type, parts), and the
  list holds the values at `1 / parts`, `2 / parts`, … of it, counted from the lowest. Each is a value that a row has.
#}
{% macro quantiles(relation, measures) -%}
  {{ return(adapter.dispatch('quantiles')(relation, measures)) }}
{%- endmacro %}

{% macro duckdb__quantiles(relation, measures) %}
    select
        {%- for name, expression, type, parts in measures %}
        quantile_disc({{ expression }}, [
            {%- for part in range(1, parts) %}{{ part / parts }}{{ ', ' if not loop.last }}{% endfor -%}
        ]) as {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}

    from {{ relation }}
{%- endmacro %}

{#
  Spark's own quantiles are one task that holds every value. So values are counted by magnitude, of which there are a few
  thousand, and only those in the magnitudes in which a quantile lies are looked at one by one.
#}
{% macro default__quantiles(relation, measures) %}
    with

    measured as (

        select stack(
            {{ measures | length }}
            {%- for name, expression, type, parts in measures %},
            '{{ name }}', cast({{ expression }} as double)
            {%- endfor %}
        ) as (measure, value)

        from {{ relation }}

    ),

    valued as (

        select
            *,
            {{ magnitude('value') }} as magnitude

        from measured

        where value is not null

    ),

    by_magnitude as (

        select
            measure,
            magnitude,
            count(*) as times

        from valued

        group by measure, magnitude

    ),

    magnitudes as (

        select
            *,
            sum(times) over (partition by measure order by magnitude) - times as times_below,
            sum(times) over (partition by measure) as all_times

        from by_magnitude

    ),

    asked as (

        select *

        from values
            {%- for name, expression, type, parts in measures %}
            {%- set last_measure = loop.last %}
            {%- for part in range(1, parts) %}
            ('{{ name }}', {{ part }}, {{ parts }}){{ ',' if not (last_measure and loop.last) }}
            {%- endfor %}
            {%- endfor %}
            as asked (measure, part, parts)

    ),

    parted as (

        select
            asked.measure,
            asked.part,
            asked.parts,
            magnitudes.magnitude,
            magnitudes.times_below,
            magnitudes.all_times

        from magnitudes

        inner join asked
            on magnitudes.measure = asked.measure
            and asked.part * magnitudes.all_times > asked.parts * magnitudes.times_below
            and asked.part * magnitudes.all_times <= asked.parts * (magnitudes.times_below + magnitudes.times)

    ),

    values_of_parted as (

        select
            parted.measure,
            parted.part,
            parted.parts,
            parted.times_below,
            parted.all_times,
            valued.value,
            count(*) as times

        from valued

        inner join parted
            on valued.measure = parted.measure
            and valued.magnitude = parted.magnitude

        group by
            parted.measure, parted.part, parted.parts, parted.times_below, parted.all_times, valued.value

    ),

    with_times_up_to as (

        select
            *,
            times_below + sum(times) over (partition by measure, part order by value) as times_up_to

        from values_of_parted

    ),

    found as (

        select
            measure,
            part,
            min(value) as value

        from with_times_up_to

        where part * all_times <= parts * times_up_to

        group by measure, part

    )

    select
        {%- for name, expression, type, parts in measures %}
        array(
            {%- for part in range(1, parts) %}
            cast(max(case when measure = '{{ name }}' and part = {{ part }} then value end) as {{ type }}){{ ',' if not loop.last }}
            {%- endfor %}
        ) as {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}

    from found
{%- endmacro %}


{# The n-th value of such a list, from 1. #}
{% macro nth_of(list, n) -%}
  {{ return(adapter.dispatch('nth_of')(list, n)) }}
{%- endmacro %}

{% macro default__nth_of(list, n) -%}
  element_at({{ list }}, {{ n }})
{%- endmacro %}

{% macro duckdb__nth_of(list, n) -%}
  {{ list }}[{{ n }}]
{%- endmacro %}
