{#
  The seed `orders` is read by the pipeline's own reader (pipeline/orders), through dbt-duckdb's door for plugins: dbt's
  stock seed parses a file into Python objects first, which is slow and hungry, and takes one layout of one kind of file.
  Every other seed is dbt's own affair.
#}
{% materialization seed, adapter='duckdb' %}

  {% if model.config.get('meta', {}).get('reader') != 'orders' %}
    {{ return(dbt.materialization_seed_default()) }}
  {% endif %}

  {%- set target_relation = this.incorporate(type='table') -%}
  {%- do store_result('agate_table', response='OK', agate_table=dbt_empty_table()) -%}

  {{ run_hooks(pre_hooks, inside_transaction=False) }}

  {# The pipeline has them loaded while dbt starts. For who types `dbt build` it is done here, before dbt's transaction
     begins: it would not see what another connection commits. #}
  {% if not var('loaded', false) %}
    {% do adapter.store_relation(
      'orders', target_relation, [], '', '',
      {
        'orders': setting('orders') or adapter.get_seed_file_path(model),
        'mapping': setting('mapping'),
        'ignore': setting('ignore')
      }
    ) %}
  {% endif %}

  {{ run_hooks(pre_hooks, inside_transaction=True) }}

  {% call noop_statement('main', 'LOADED') %}
    -- {{ target_relation }} is loaded by pipeline/orders.
  {% endcall %}

  {% do persist_docs(target_relation, model) %}

  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {{ adapter.commit() }}
  {{ run_hooks(post_hooks, inside_transaction=False) }}

  {{ return({'relations': [target_relation]}) }}

{% endmaterialization %}


{# On Spark the pipeline has brought the table along before dbt began. #}
{% materialization seed, adapter='spark' %}

  {% if model.config.get('meta', {}).get('reader') != 'orders' %}
    {{ return(dbt.materialization_seed_default()) }}
  {% endif %}

  {%- do store_result('agate_table', response='OK', agate_table=dbt_empty_table()) -%}
  {% call noop_statement('main', 'LOADED') %}
    -- {{ this }} is loaded by pipeline/orders.
  {% endcall %}
  {{ return({'relations': [this.incorporate(type='table')]}) }}

{% endmaterialization %}


{# What dbt-core wants stored for a seed, without reading the file. #}
{% macro dbt_empty_table() %}
  {{ return(run_query('select 1 as nothing where false')) }}
{% endmacro %}
