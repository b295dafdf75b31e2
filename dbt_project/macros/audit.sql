{# What the tests of oddities share. #}

{# The figures of the last published build, which the pipeline carries over; no row where there was none. #}
{% macro last_build() -%}
  {%- set relation = adapter.get_relation(target.database, target.schema, 'last_build') -%}
  {%- if relation -%}
    select * from {{ relation }}
  {%- else -%}
    select cast(null as date) as as_of_date, cast(null as bigint) as customers, cast(null as double) as predicted_clv
    where false
  {%- endif -%}
{%- endmacro %}


{# How far a value is off another, in whole percent of that. #}
{% macro percent_off(value, reference) -%}
  cast(round(100 * abs({{ value }} - {{ reference }}) / nullif(abs({{ reference }}), 0)) as bigint)
{%- endmacro %}
