{#
  What a run is asked for. The pipeline gives each value as a variable (`--vars`, named as_of), a person who types
  `dbt build` as an environment variable (AS_OF). Nothing reaches SQL before it is checked here, and models read it
  from `int_settings`; what YAML needs (dbt_project.yml, profiles.yml, `model_file`) it asks the same way in its place,
  because dbt has no macros there.
#}

{#
  The text that was given for a setting; empty where nothing was. The environment is looked at where there is no such
  variable only, because dbt parses a file anew when what it has read there has changed.
#}
{% macro setting(name) %}
  {%- set given = var(name) if var.has_var(name) else env_var(name | upper, '') -%}
  {{ return('' if given is none else given | string | trim) }}
{% endmacro %}


{# Stops with what is wrong with a setting, and a value that is right. #}
{% macro refuse_setting(name, expected, example) %}
  {% do exceptions.raise_compiler_error(
    name | upper ~ '=' ~ setting(name) ~ ' is not ' ~ expected ~ '. Write it like this: ' ~ name | upper ~ '=' ~ example
  ) %}
{% endmacro %}


{# A date as a SQL expression; null where none is given. #}
{% macro date_setting(name) %}
  {%- set given = setting(name) -%}
  {% if not given %}
    {{ return('cast(null as date)') }}
  {% elif not modules.re.fullmatch('[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])', given) or given < '0001' %}
    {% do refuse_setting(name, 'a date', '2017-10-17') %}
  {% endif %}
  {# The 31st of a month that has 30 days is a day of the next one. #}
  {%- set year, month, day = given.split('-') | map('int') -%}
  {% if (modules.datetime.date(year, month, 1) + modules.datetime.timedelta(day - 1)).month != month %}
    {% do refuse_setting(name, 'a date', '2017-10-17') %}
  {% endif %}
  {{ return("cast('" ~ given ~ "' as date)") }}
{% endmacro %}


{# A whole number from 1 to `highest` as a SQL expression; null where none is given. #}
{% macro whole_number_setting(name, highest, example) %}
  {%- set given = setting(name) -%}
  {% if not given %}
    {{ return('cast(null as bigint)') }}
  {% elif not modules.re.fullmatch('[0-9]{1,12}', given) or not 1 <= given | int <= highest %}
    {% do refuse_setting(name, 'a whole number from 1 to ' ~ highest, example) %}
  {% endif %}
  {{ return('cast(' ~ given | int ~ ' as bigint)') }}
{% endmacro %}


{# A number from 0 to `highest`, exact to 9 decimals, as a SQL expression. #}
{% macro number_setting(name, highest, default) %}
  {%- set given = setting(name) or default -%}
  {% if not modules.re.fullmatch('([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE]-?[0-9]{1,2})?', given) or given | float > highest %}
    {% do refuse_setting(name, 'a number from 0 to ' ~ highest, default) %}
  {% endif %}
  {{ return("cast('" ~ given ~ "' as decimal(18, 9))") }}
{% endmacro %}


{# Yes (1) or no (0, or nothing given) as a SQL expression. #}
{% macro yes_or_no_setting(name) %}
  {%- set given = setting(name) | lower -%}
  {% if given not in ('', '0', '1', 'false', 'true') %}
    {% do refuse_setting(name, '0 or 1', '1') %}
  {% endif %}
  {{ return('true' if given in ('1', 'true') else 'false') }}
{% endmacro %}
