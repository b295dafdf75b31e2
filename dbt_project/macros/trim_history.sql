{# Drops dates that are HISTORY_DAYS or more before the newest one; the date that was just built stays. #}
{% macro trim_history() -%}
  {%- set as_of = ref('int_as_of') -%} {# outside the condition: dbt has to know of it however it parsed the project #}
  {%- if env_var('HISTORY_DAYS', '') -%}
    delete from {{ this }}
    where
      as_of_date <= (
        select {{ dbt.dateadd('day', -(env_var('HISTORY_DAYS') | int), 'max(as_of_date)') }} from {{ this }}
      )
      and as_of_date not in (select as_of_date from {{ as_of }})
  {%- endif -%}
{%- endmacro %}
