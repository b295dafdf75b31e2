{# For engines that do not hold a table to the `not_null` of its contract. #}
{% test columns_are_not_null_as_declared(model) %}

{%- set declared = [] -%}
{%- if execute -%}
  {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.name == model.identifier -%}
    {%- for column in node.columns.values() if 'not_null' in column.constraints | map(attribute='type') | map('string') -%}
      {%- do declared.append(column.name) -%}
    {%- endfor -%}
  {%- endfor -%}
{%- endif -%}

select *

from {{ model }}

where
  false
  {%- for name in declared %}
  or {{ name }} is null
  {%- endfor %}

{% endtest %}
