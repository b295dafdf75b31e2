{# Money that comes `days` from now, in money of today: what values and what came of them are counted in. #}
{% macro discounted(revenue, days, discount_rate) -%}
  cast({{ revenue }} / power(1 + {{ discount_rate }}, {{ days }} / 365.0) as decimal(38, 6))
{%- endmacro %}
