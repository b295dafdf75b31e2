{#
  One query for all columns of a model that are never null. Without `columns` they are those of its contract, for engines
  that do not hold a table to it.
#}
{% test columns_are_not_null(model, columns=none) %}

{%- set never_null = columns or [] -%}
{%- if execute and not columns -%}
  {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.name == model.identifier -%}
    {%- for column in node.columns.values() if 'not_null' in column.constraints | map(attribute='type') | map('string') -%}
      {%- do never_null.append(column.name) -%}
    {%- endfor -%}
  {%- endfor -%}
{%- endif -%}

select *

from {{ model }}

where
  false
  {%- for name in never_null %}
  or {{ name }} is null
  {%- endfor %}

{% endtest %}
