{# The node a generic test is attached to. Inside a test, `model` is the relation under test. #}
{% macro tested_node() %}
    {{- return(graph.nodes[context['model'].attached_node]) -}}
{% endmacro %}

{#
  {name, version, base} of the model that a generic test is attached to, as in shipment, 1, shipment_v1. Also at parse
  time, when only the test's arguments are known: the model's name and version are what stands in quotes there.
#}
{% macro tested_base() %}
    {%- set quoted = context['model'].test_metadata.kwargs.model.split("'")[1::2] -%}
    {%- set name, version = quoted[0], (quoted + ['1'])[1] -%}
    {{- return({'name': name, 'version': version, 'base': name ~ '_v' ~ version}) -}}
{% endmacro %}
