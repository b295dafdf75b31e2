{# The values at these shares of a column, counted from its lowest, as a list: each is a value that the column has. #}
{% macro quantiles(column, shares, type) -%}
  {{ return(adapter.dispatch('quantiles')(column, shares, type)) }}
{%- endmacro %}

{# Spark gives each as a double, of whatever type the column is. #}
{% macro default__quantiles(column, shares, type) -%}
  array(
    {%- for share in shares -%}
      cast(percentile_disc({{ share }}) within group (order by {{ column }}) as {{ type }}){{ ', ' if not loop.last }}
    {%- endfor -%}
  )
{%- endmacro %}

{% macro duckdb__quantiles(column, shares, type) -%}
  quantile_disc({{ column }}, [{{ shares | join(', ') }}])
{%- endmacro %}


{# The n-th value of such a list, from 1. #}
{% macro nth_of(list, n) -%}
  {{ return(adapter.dispatch('nth_of')(list, n)) }}
{%- endmacro %}

{% macro default__nth_of(list, n) -%}
  element_at({{ list }}, {{ n }})
{%- endmacro %}

{% macro duckdb__nth_of(list, n) -%}
  {{ list }}[{{ n }}]
{%- endmacro %}
