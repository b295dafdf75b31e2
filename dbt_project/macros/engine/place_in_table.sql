{#
  The place of a row in the seed `orders`, from 1: that of the record in the file, because the seed keeps the file's order
  (see preserve_insertion_order in profiles.yml). Not numbered while it is read, because row_number() would have one core
  do what all of them can.
#}
{% macro place_in_table() -%}
  {{ return(adapter.dispatch('place_in_table')()) }}
{%- endmacro %}

{# Elsewhere the table is a copy of DuckDB's, which brings it along. #}
{% macro default__place_in_table() -%}
  place_in_table
{%- endmacro %}

{% macro duckdb__place_in_table() -%}
  rowid + 1
{%- endmacro %}
