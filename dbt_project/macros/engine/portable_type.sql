{# The type of a column by the name that both engines take, which is what the descriptions of the models have. #}
{% macro portable_type(column) -%}
  {{ return(adapter.dispatch('portable_type')(column)) }}
{%- endmacro %}

{% macro default__portable_type(column) -%}
  {{ return({'timestamp_ntz': 'timestamp', 'int': 'integer'}.get(column.dtype, column.dtype)) }}
{%- endmacro %}

{% macro duckdb__portable_type(column) -%}
  {{ return({'varchar': 'string'}.get(column.dtype | lower, column.dtype | lower)) }}
{%- endmacro %}
