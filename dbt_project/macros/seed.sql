{#
  Loads the seed `orders` from the file that ORDERS names (the demo data where it names none), with DuckDB's own
  parallel reader: dbt's stock seed parses the file into Python objects first, which is slow and hungry.

  Everything is read as text; `base_orders` gives the types. The table holds every line of the file: records that are
  no six fields of UTF-8 text follow the others, as raw text in `malformed_line`.
#}
{% materialization seed, adapter='duckdb' %}

  {%- set target_relation = this.incorporate(type='table') -%}
  {%- set existing_relation = load_cached_relation(this) -%}
  {%- set path = var('orders', env_var('ORDERS', '')) or adapter.get_seed_file_path(model) -%}
  {%- set is_parquet = path.lower().endswith('.parquet') -%}

  {%- do store_result('agate_table', response='OK', agate_table=dbt_empty_table()) -%}

  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}

  {% do drop_relation_if_exists(existing_relation) %}

  {% call statement('create_table') %}
    create table {{ target_relation }} (
      {% for column in order_columns() %}
      {{ column }} varchar,
      {% endfor %}
      header_lines integer,
      malformed_after bigint,
      malformed_part integer,
      line_breaks integer,
      malformed_line varchar
    )
  {% endcall %}

  {% if is_parquet %}
    {% call statement('main') %}
      insert into {{ target_relation }} {{ select_orders_from_parquet(path) }}
    {% endcall %}
  {% else %}
    {% do run_query('drop table if exists reject_errors') %}
    {% do run_query('drop table if exists reject_scans') %}
    {% call statement('main') %}
      insert into {{ target_relation }} {{ select_orders_from_csv(path) }}
    {% endcall %}
    {% do stop_at_open_quote(path) %}
    {% call statement('malformed_lines') %}
      insert into {{ target_relation }} (header_lines, malformed_after, malformed_part, line_breaks, malformed_line)
      {{ select_malformed_lines() }}
    {% endcall %}
  {% endif %}

  {% do persist_docs(target_relation, model) %}

  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {{ adapter.commit() }}
  {{ run_hooks(post_hooks, inside_transaction=False) }}

  {{ return({'relations': [target_relation]}) }}

{% endmaterialization %}


{# What dbt-core wants stored for a seed, without reading the file. #}
{% macro dbt_empty_table() %}
  {{ return(run_query('select 1 as nothing where false')) }}
{% endmacro %}
