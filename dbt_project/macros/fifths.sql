{# Which fifth a value is in, 1 for the lowest: equal values are in the same one. #}
{% macro fifth_of(value, bounds) -%}
  case
    {%- for fifth in range(1, 5) %}
    when {{ value }} <= {{ nth_of(bounds, fifth) }} then {{ fifth }}
    {%- endfor %}
    else 5
  end
{%- endmacro %}
