{# The order that a table's rows are written in. #}
{% macro in_order_of(column) -%}
  {{ return(adapter.dispatch('in_order_of')(column)) }}
{%- endmacro %}

{# None: Spark would work everything out twice, to learn first where to cut. What comes back is put in order by DuckDB. #}
{% macro default__in_order_of(column) -%}
{%- endmacro %}

{% macro duckdb__in_order_of(column) -%}
  order by {{ column }}
{%- endmacro %}
