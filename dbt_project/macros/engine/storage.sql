{#
  How DuckDB stores the text of a table, in hooks before and after a model. What it finds by itself (`auto`) takes least
  room, and on ids that hardly ever repeat more time than the query: `zstd` takes little more than half of it, and for
  these ids a sixth to a half more room.
#}
{% macro store_text_as(compression) -%}
  {{ return(adapter.dispatch('store_text_as')(compression)) }}
{%- endmacro %}

{% macro default__store_text_as(compression) -%}
{%- endmacro %}

{% macro duckdb__store_text_as(compression) -%}
  set force_compression = '{{ compression }}'
{%- endmacro %}
