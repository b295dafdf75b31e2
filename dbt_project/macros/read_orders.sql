{# How a file of order lines becomes rows: see the seed materialization, which is all that calls these. #}

{% macro order_columns() %}
  {{ return(['customer_id', 'order_id', 'order_item_id', 'num_items', 'revenue', 'created_at_date']) }}
{% endmacro %}


{# A path as a SQL string that DuckDB takes as one file, whatever characters are in its name. #}
{% macro file_literal(path) %}
  {%- set escaped = modules.re.sub('([*?\\[])', '[\\1]', path) | replace("'", "''") -%}
  {{ return("'" ~ escaped ~ "'") }}
{% endmacro %}


{# The position of each column that we need among the columns that the file has; stops where one is missing. #}
{% macro locate_order_columns(found, path) %}
  {%- set names = found | map('trim') | map('lower') | list -%}
  {%- set missing = order_columns() | reject('in', names) | list -%}
  {%- set shown = found | map('trim') | join(', ') -%}
  {% if missing %}
    {% do exceptions.raise_compiler_error(
      path ~ ' lacks the column' ~ ('s ' if missing | length > 1 else ' ') ~ missing | join(', ')
      ~ '; its first line names: ' ~ shown ~ '. Rename the columns in that line, or add the missing ones; it has to be UTF-8.'
      ~ (' Fields are separated by commas.' if found | length == 1 else '')
    ) %}
  {% endif %}
  {%- set positions = {} -%}
  {% for column in order_columns() %}
    {% if names.count(column) > 1 %}
      {% do exceptions.raise_compiler_error(
        path ~ ' has more than one column named ' ~ column ~ ': ' ~ shown ~ '. Keep one of them.'
      ) %}
    {% endif %}
    {% do positions.update({column: names.index(column)}) %}
  {% endfor %}
  {{ return(positions) }}
{% endmacro %}


{% macro select_orders_from_csv(path) %}
  {%- set header = csv_header(path) -%}
  {%- set positions = locate_order_columns(header, path) %}

  select
    {% for column in order_columns() %}
    field_{{ positions[column] }} as {{ column }},
    {% endfor %}
    1 as header_lines,
    cast(null as bigint) as malformed_after,
    0 as malformed_part,
    {{ count_line_breaks(header | length) }} as line_breaks,
    cast(null as varchar) as malformed_line
  from read_csv(
    {{ file_literal(path) }},
    columns = { {%- for _ in header %}'field_{{ loop.index0 }}': 'VARCHAR'{{ ', ' if not loop.last }}{% endfor -%} },
    header = false,
    skip = 1,
    delim = ',',
    quote = '"',
    escape = '"',
    nullstr = '',
    auto_detect = false, -- the sniffer refuses a file with one bad line, and strict_mode = false drops fields unseen
    store_rejects = true,
    rejects_limit = 0
  )
{% endmacro %}


{# How many line breaks stand inside the fields of a record: as many lines follow later than they would otherwise. #}
{% macro count_line_breaks(number_of_fields) -%}
  case
    when {% for i in range(number_of_fields) %}{{ 'or ' if i }}contains(field_{{ i }}, chr(10)) {% endfor %}
    then {% for i in range(number_of_fields) -%}
      {{ '+ ' if i }}coalesce(length(field_{{ i }}) - length(replace(field_{{ i }}, chr(10), '')), 0) {% endfor %}
    else 0
  end
{%- endmacro %}


{# The names in a CSV file's first line. #}
{% macro csv_header(path) %}
  {% set first_line %}
    select line
    from read_csv(
      {{ file_literal(path) }},
      columns = {'line': 'VARCHAR'},
      header = false,
      delim = '\x1f', -- a character that no header has: the line stays whole
      quote = '',
      escape = '',
      auto_detect = false,
      strict_mode = false,
      ignore_errors = true,
      parallel = false -- the first line, not any line
    )
    limit 1
  {% endset %}
  {%- set rows = run_query(first_line).rows -%}
  {% if not rows or not rows[0][0] %}
    {% do exceptions.raise_compiler_error(path ~ ', line 1: it is empty, where the columns have to be named.') %}
  {% endif %}
  {%- set line = rows[0][0] | replace('\ufeff', '') | trim -%}
  {% if line.count('"') % 2 %}
    {% do exceptions.raise_compiler_error(path ~ ', line 1: a quote (") is opened there and not closed: ' ~ line) %}
  {% endif %}
  {%- set fields = modules.re.findall('("(?:[^"]|"")*"|[^,]*)(?:,|$)', line) -%}
  {# The pattern also matches nothing at the very end of the line. #}
  {{ return(fields[:-1] | map('trim') | map('replace', '"', '') | list) }}
{% endmacro %}


{#
  A quote that is opened and not closed swallows the lines that follow, and DuckDB keeps only the beginning of what it
  swallowed: nothing to count, so nothing to go on with. Where it reads a large file in pieces, the text that it keeps may
  even be that of the record before; then the error lies beyond that text. A broken quote that ends within its line
  swallows nothing.
#}
{% macro stop_at_open_quote(path) %}
  {% set open_quote %}
    select
      line,
      error_type = 'UNQUOTED VALUE' as is_quote
    from reject_errors
    where
      error_type = 'LINE SIZE OVER MAXIMUM'
      or length(csv_line) >= 10000
      or (
        error_type = 'UNQUOTED VALUE'
        and (
          contains(trim(csv_line, chr(10) || chr(13)), chr(10))
          or byte_position is null
          or line_byte_position is null
          or byte_position - line_byte_position >= strlen(csv_line)
        )
      )
    order by line
    limit 1
  {% endset %}
  {%- set rows = run_query(open_quote).rows -%}
  {% if rows %}
    {% set what = 'a quote (") is opened there and not closed before the line ends. Close it, double it, or remove it' %}
    {% set long = 'what begins there is no order line, and too long to be kept as a rejected one. Mend it, or remove it' %}
    {% do exceptions.raise_compiler_error(
      path ~ ', line ' ~ rows[0][0] ~ ': ' ~ (what if rows[0][1] else long) ~ ', then build again.'
    ) %}
  {% endif %}
{% endmacro %}


{#
  One row per physical line of each record that DuckDB rejected, placed behind the well-formed record before it. DuckDB
  reports a row an error, several for one record; its `line` counts records, the header being the first; its text begins
  with the line ends that stand before the record.
#}
{% macro select_malformed_lines() %}
  with

  records as (
    select distinct
      line,
      string_split(trim(replace(csv_line, chr(13), ''), chr(10)), chr(10)) as lines
    from reject_errors
  ),

  placed as (
    select
      line - 1 - row_number() over (order by line) as malformed_after,
      line,
      unnest(range(len(lines))) as line_of_record,
      unnest(lines) as malformed_line
    from records
  )

  select
    1 as header_lines,
    malformed_after,
    row_number() over (partition by malformed_after order by line, line_of_record) as malformed_part,
    0 as line_breaks,
    malformed_line
  from placed
{% endmacro %}


{% macro select_orders_from_parquet(path) %}
  {%- set found = run_query('describe select * from read_parquet(' ~ file_literal(path) ~ ')').columns[0].values() | list -%}
  {%- set positions = locate_order_columns(found, path) %}

  select
    {% for column in order_columns() %}
    cast({{ adapter.quote(found[positions[column]]) }} as varchar) as {{ column }},
    {% endfor %}
    0 as header_lines,
    cast(null as bigint) as malformed_after,
    0 as malformed_part,
    0 as line_breaks,
    cast(null as varchar) as malformed_line
  from read_parquet({{ file_literal(path) }})
{% endmacro %}
