{# How a date of the history is built again: replaced whole. #}
{% macro history_strategy() -%}
  {{ return(adapter.dispatch('history_strategy')()) }}
{%- endmacro %}

{% macro default__history_strategy() -%}
  {{ return('insert_overwrite') }}
{%- endmacro %}

{% macro duckdb__history_strategy() -%}
  {{ return('delete+insert') }}
{%- endmacro %}


{# The column by which its files lie apart, where the engine has files. #}
{% macro history_partition() -%}
  {{ return(adapter.dispatch('history_partition')()) }}
{%- endmacro %}

{% macro default__history_partition() -%}
  {{ return('as_of_date') }}
{%- endmacro %}

{% macro duckdb__history_partition() -%}
  {{ return(none) }}
{%- endmacro %}


{# Drops the dates that are `days` or more before the newest one, but for the one that was just built. #}
{% macro drop_old_dates(history, as_of, days) -%}
  {{ return(adapter.dispatch('drop_old_dates')(history, as_of, days)) }}
{%- endmacro %}

{% macro duckdb__drop_old_dates(history, as_of, days) -%}
  delete from {{ history }}
  where {{ is_old_date(history, as_of, days) }}
{%- endmacro %}

{# Tables of Parquet files know no DELETE: whole partitions go. #}
{% macro default__drop_old_dates(history, as_of, days) -%}
  {%- if execute -%}
    {%- set old = run_query(
      'select distinct as_of_date from ' ~ history ~ ' where ' ~ is_old_date(history, as_of, days)
    ).columns[0].values() -%}
    {%- if old -%}
      alter table {{ history }} drop
      {%- for date in old %} partition (as_of_date = date '{{ date }}'){{ ',' if not loop.last }}{% endfor -%}
    {%- endif -%}
  {%- endif -%}
{%- endmacro %}

{% macro is_old_date(history, as_of, days) -%}
  {{ days_between('as_of_date', '(select max(as_of_date) from ' ~ history ~ ')') }} >= {{ days }}
  and as_of_date not in (select as_of_date from {{ as_of }})
{%- endmacro %}
