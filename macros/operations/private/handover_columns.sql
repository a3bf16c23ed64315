{# Columns as {name: type}. #}
{% macro typed_columns(columns) %}
    {%- set typed = {} -%}
    {%- for column in columns -%}{%- do typed.update({column.name: column.type}) -%}{%- endfor -%}
    {{- return(typed) -}}
{% endmacro %}

{# The specs of all groups. #}
{% macro group_specs() %}
    {%- set specs = [] -%}
    {%- for node in asof.models_of('group') -%}{%- do specs.append(asof.group_spec_of(node)) -%}{%- endfor -%}
    {{- return(specs) -}}
{% endmacro %}

{# The moment, if any, at which the known rows of a group's event model are counted again (see check_backdating). #}
{% macro moments_to_count(spec, event) %}
    {%- set recorded = asof.known_rows_recorded(spec, event) -%}
    {{- return([asof.time_literal(recorded[0])] if recorded else []) -}}
{% endmacro %}
