{# Whether the whole text matches the regular expression. #}
{% macro matches(column, pattern) -%}
  {{ return(adapter.dispatch('matches')(column, pattern)) }}
{%- endmacro %}

{% macro default__matches(column, pattern) -%}
  regexp_like({{ column }}, '^({{ pattern }})$')
{%- endmacro %}

{% macro duckdb__matches(column, pattern) -%}
  regexp_full_match({{ column }}, '{{ pattern }}')
{%- endmacro %}
