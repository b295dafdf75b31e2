{# Days from one date to another, as a bigint: Spark's are an int, which the contracts do not take. #}
{% macro days_between(first, last) -%}
  {{ return(adapter.dispatch('days_between')(first, last)) }}
{%- endmacro %}

{% macro default__days_between(first, last) -%}
  cast(datediff({{ last }}, {{ first }}) as bigint)
{%- endmacro %}

{% macro duckdb__days_between(first, last) -%}
  {{ dbt.datediff(first, last, 'day') }}
{%- endmacro %}


{# The day after a date, as a date. dbt's own way leads through a timestamp of a time zone on Spark. #}
{% macro day_after(date) -%}
  {{ return(adapter.dispatch('day_after')(date)) }}
{%- endmacro %}

{% macro default__day_after(date) -%}
  date_add({{ date }}, 1)
{%- endmacro %}

{% macro duckdb__day_after(date) -%}
  cast({{ dbt.dateadd('day', 1, date) }} as date)
{%- endmacro %}
