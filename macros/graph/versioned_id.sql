{# `shipment@1` of a feature group's or service's node. Versions start at 1: adding them later renames the relation. #}
{% macro versioned_id(node) %}
    {%- if node.version is none or node.version is not defined -%}
        {{- asof.refuse(node.original_file_path ~ ': ' ~ node.name ~ ' has no version. Feature groups and services '
            ~ 'are versioned from the start: name the file ' ~ node.name ~ '_v1.sql and add `versions: [{v: 1}]` '
            ~ 'to its YAML.') -}}
    {%- endif -%}
    {{- return(node.name ~ '@' ~ node.version) -}}
{% endmacro %}

{# The ids of all groups or services, for a message: `place@1, shipment@1`. #}
{% macro ids_of(role) %}
    {%- set ids = [] -%}
    {%- for node in asof.models_of(role) -%}{%- do ids.append(asof.versioned_id(node)) -%}{%- endfor -%}
    {{- return(ids | join(', ') or 'none') -}}
{% endmacro %}

{# What a one-line model's name says: `shipment_v1_history` is {name: shipment, version: 1, base: shipment_v1}. #}
{% macro parse_model_name(model_name, suffix) %}
    {%- set match = modules.re.match('^(.+)_v(\d+)_' ~ suffix ~ '$', model_name) -%}
    {%- if not match -%}
        {{- asof.refuse('the model ' ~ model_name ~ ' must be named <name>_v<version>_' ~ suffix
            ~ ', as in shipment_v1_' ~ suffix ~ '.') -}}
    {%- endif -%}
    {{- return({'name': match.group(1), 'version': match.group(2) | int, 'base': match.group(1) ~ '_v'
        ~ match.group(2)}) -}}
{% endmacro %}
