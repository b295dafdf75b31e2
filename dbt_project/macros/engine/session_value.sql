{# A value that the session was given (`set variable name = …`), so that one view answers for many dates. #}
{% macro session_value(name, type) -%}
  {{ return(adapter.dispatch('session_value')(name, type)) }}
{%- endmacro %}

{% macro default__session_value(name, type) -%}
  {% do exceptions.raise_compiler_error('A training runs on DuckDB: give no ENGINE.') %}
{%- endmacro %}

{% macro duckdb__session_value(name, type) -%}
  cast(getvariable('{{ name }}') as {{ type }})
{%- endmacro %}
