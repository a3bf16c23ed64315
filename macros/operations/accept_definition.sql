{#
  `dbt run-operation accept_definition --args '{id: shipment@1, reason: "comment moved"}'`: lets the text as last
  built go out.
#}
{% macro accept_definition(id, reason) %}
    {%- if not execute -%}{{- return('') -}}{%- endif -%}
    {%- do asof.open_records() -%}
    {%- set name, version = id.split('@') -%}
    {%- set services = asof.models_of('service') | selectattr('name', 'equalto', name) | list -%}
    {%- set definition = asof.service_manifest(asof.service_spec(name, version)).definition if services
        else asof.definition_in_force(id) -%}
    {%- do run_query(asof.insert_sql('accepted', [[id, definition, reason, asof.wall_clock()]])) -%}
    {%- do asof.say('accepted the present text of ' ~ id ~ ': ' ~ reason) -%}
{% endmacro %}
