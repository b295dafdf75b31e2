{# Whether the whole text matches the regular expression. #}
{% macro matches(column, pattern) -%}
  {{ return(adapter.dispatch('matches')(column, pattern)) }}
{%- endmacro %}

{# Not by ^ and $, because $ matches before a line end too; a raw text, because Spark takes backslashes out of others. #}
{% macro default__matches(column, pattern) -%}
  regexp_like({{ column }}, r'\A(?:{{ pattern }})\z')
{%- endmacro %}

{% macro duckdb__matches(column, pattern) -%}
  regexp_full_match({{ column }}, '{{ pattern }}')
{%- endmacro %}
