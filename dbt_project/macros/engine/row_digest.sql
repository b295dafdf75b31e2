{# A short digest of some columns, by which equal rows are found without sorting their text. #}
{% macro row_digest(columns) -%}
  {{ return(adapter.dispatch('row_digest')(columns)) }}
{%- endmacro %}

{% macro default__row_digest(columns) -%}
  xxhash64({{ columns | join(', ') }})
{%- endmacro %}

{% macro duckdb__row_digest(columns) -%}
  hash({{ columns | join(', ') }})
{%- endmacro %}
