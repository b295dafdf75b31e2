{# Drops dates that are HISTORY_DAYS or more before the newest one; the date that was just built stays. #}
{% macro trim_history() -%}
  {# Outside the condition, because dbt has to know of them however it parsed the project. #}
  {%- set as_of = ref('int_as_of') -%}
  {%- set settings = ref('int_settings') -%}
  {%- if setting('history_days') -%}
    {{ drop_old_dates(this, as_of, '(select history_days from ' ~ settings ~ ')') }}
  {%- endif -%}
{%- endmacro %}
