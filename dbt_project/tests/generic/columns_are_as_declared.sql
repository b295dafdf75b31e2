{% test columns_are_as_declared(model) %}

{%- set declared, there = [], [] -%}
{%- if execute -%}
  {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.name == model.identifier -%}
    {%- for column in node.columns.values() -%}
      {%- do declared.append(column.name ~ ' ' ~ column.data_type) -%}
    {%- endfor -%}
  {%- endfor -%}
  {%- for column in adapter.get_columns_in_relation(model) -%}
    {%- do there.append(column.name ~ ' ' ~ portable_type(column)) -%}
  {%- endfor -%}
{%- endif -%}

select
    '{{ declared | sort | join(', ') }}' as declared_columns,
    '{{ there | sort | join(', ') }}' as columns_there

where {{ 'false' if declared | sort == there | sort else 'true' }}

{% endtest %}
