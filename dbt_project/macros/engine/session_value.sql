{# A value that the session was given, so that one view answers for many dates. #}
{% macro session_value(name, type) -%}
  {{ return(adapter.dispatch('session_value')(name, type)) }}
{%- endmacro %}

{# Spark's views may ask no variable; the pipeline makes another view for the values, which Spark takes for constants. #}
{% macro default__session_value(name, type) -%}
  cast((select {{ name }} from {{ target.schema }}.session_values) as {{ type }})
{%- endmacro %}

{% macro duckdb__session_value(name, type) -%}
  cast(getvariable('{{ name }}') as {{ type }})
{%- endmacro %}
