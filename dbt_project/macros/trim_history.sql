{# Drops dates that are HISTORY_DAYS or more before the newest one; the date that was just built stays. #}
{% macro trim_history() -%}
  {# Outside the condition, because dbt has to know of them however it parsed the project. #}
  {%- set as_of = ref('int_as_of') -%}
  {%- set settings = ref('int_settings') -%}
  {%- if setting('history_days') -%}
    delete from {{ this }}
    where
      {{ dbt.datediff('as_of_date', '(select max(as_of_date) from ' ~ this ~ ')', 'day') }}
      >= (select history_days from {{ settings }})
      and as_of_date not in (select as_of_date from {{ as_of }})
  {%- endif -%}
{%- endmacro %}
