{# Text into values, in words that DuckDB and Spark both have an answer to. #}

{# White space, and what has no width: marks of UTF-8 and of which way a text runs, which come with what was copied. #}
{% macro blank_characters() -%}
  ' ' || chr(9) || chr(10) || chr(13) || '
  {{- "\u00a0\u2007\u2009\u202f\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff" -}}
  '
{%- endmacro %}


{# The text without the blanks around it, null where nothing is left. Most text has none: to look is faster. #}
{% macro clean_text(column) -%}
  case
    when {{ column }} > '!' and {{ column }} < '~' and substr({{ column }}, -1) between '!' and '~' then {{ column }}
    else nullif(trim(both {{ blank_characters() }} from {{ column }}), '')
  end
{%- endmacro %}


{#
  Text that names somebody or something: what tools write where there is nothing is no name. Long texts and those that
  begin with a digit are none of these words. Not a list, because DuckDB joins every row with a list of five or more.
#}
{% macro clean_id(column) -%}
  case
    when (length({{ column }}) > 4 or {{ column }} between '0' and ':')
      and {{ column }} > '!' and {{ column }} < '~' and substr({{ column }}, -1) between '!' and '~'
      then {{ column }}
    when not {{ matches('upper(' ~ clean_text(column) ~ ')', 'NA|N/A|#N/A|<NA>|NULL|NONE|NAN') }} then {{ clean_text(column) }}
  end
{%- endmacro %}


{#
  A whole number of up to 12 digits; 2.0 is one too, as tools write it that have no whole numbers beside nulls. A
  fraction is what was weighed, 0.350 kg: one piece.

  Numbers and dates are mostly written the plain way, which is faster to see than that they match an expression: such a
  text comes out of its value again.
#}
{% macro parse_whole_number(column) -%}
  case
    when cast(try_cast({{ column }} as decimal(12, 0)) as string) = {{ column }}
      then try_cast({{ column }} as decimal(12, 0))
    when coalesce(upper({{ column }}), 'NA') in ('NA', 'NULL') then 0
    when {{ matches(column, '[+-]?[0-9]+([.]0*)?') }} then try_cast({{ column }} as decimal(12, 0))
    when {{ matches(column, '[+-]?[0-9]{0,12}[.][0-9]+') }} then case when {{ column }} like '-%' then -1 else 1 end
  end
{%- endmacro %}


{# Money of up to 12 digits before the point; what stands behind the 6th decimal is rounded. #}
{% macro parse_money(column) -%}
  case
    when {% for scale in (2, 1, 0) -%}
      {{ 'or ' if scale < 2 }}cast(try_cast({{ column }} as decimal(18, {{ scale }})) as string) = {{ column }}
      {% endfor -%}
      then try_cast({{ column }} as decimal(18, 6))
    when coalesce(upper({{ column }}), 'NA') in ('NA', 'NULL') then 0
    when {{ matches(column, '[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,3})?') }}
      then try_cast({{ column }} as decimal(18, 6))
  end
{%- endmacro %}


{# The date of YYYY-MM-DD, or of a timestamp that begins with it, as it is written: no time zone, by number or name, moves it. #}
{% macro parse_date(column) -%}
  {%- set time = '(([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.,][0-9]+)?)?|24:00(:00)?)' -%}
  {%- set zone = ' ?(Z|UTC|[+-][0-9]{2}(:?[0-9]{2})?| [A-Z]{2,5}| [A-Z][A-Za-z]+(/[A-Z][A-Za-z_]+)+)?(\\[[A-Za-z_/]+\\])?' -%}
  case
    when {{ is_plain_date(column) }}
      then try_cast({{ column }} as date)
    when {{ matches(column, '[0-9]{4}-[0-9]{2}-[0-9]{2}([ T]' ~ time ~ zone ~ ')?') }}
      and left({{ column }}, 4) > '0000'
      then try_cast(left({{ column }}, 10) as date)
  end
{%- endmacro %}


{# One field of a line of CSV. #}
{% macro csv_field(column) -%}
  case
    when {{ matches(column, '[^",\n\r]*') }} then {{ column }}
    when {{ column }} is null then ''
    else '"' || replace({{ column }}, '"', '""') || '"'
  end
{%- endmacro %}
