{# Whether the text is a date as YYYY-MM-DD: it comes out of its value again. DuckDB writes the year 0 in another way. #}
{% macro is_plain_date(column) -%}
  {{ return(adapter.dispatch('is_plain_date')(column)) }}
{%- endmacro %}

{% macro default__is_plain_date(column) -%}
  {{ column }} >= '0001' and {{ duckdb__is_plain_date(column) }}
{%- endmacro %}

{% macro duckdb__is_plain_date(column) -%}
  {{ column }} like '____-__-__' and cast(try_cast({{ column }} as date) as string) = {{ column }}
{%- endmacro %}
