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


{#
  One digest for all rows, whatever their order. A pair of equal rows leaves no trace in it: where one side is known to
  have no such pair, the other side has the same rows if it has as many and the same digest.
#}
{% macro digest_of_rows(columns) -%}
  bit_xor({{ row_digest(columns) }})
{%- endmacro %}
