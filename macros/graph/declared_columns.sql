{#
  The columns of a model's YAML as a list of {name, type, description, meta}, in their order. type: the canonical
  name; as the YAML spells it, in lower case, where no column may have it (see asof.check_types).
#}
{% macro declared_columns(node) %}
    {%- set columns = [] -%}
    {%- set canonical = asof.column_types().spellings -%}
    {%- for column in node.columns.values() -%}
        {%- set type = (column.data_type or '') | lower -%}
        {%- do columns.append({'name': column.name,
            'type': type if not type or type in canonical else (asof.parse_type(type).name or type),
            'description': column.description,
            'meta': (column.config.meta if column.config and column.config.meta else column.meta) or {}}) -%}
    {%- endfor -%}
    {{- return(columns) -}}
{% endmacro %}

{# Whether a key or request column is declared `personal: true`: the request log then holds a hash of it only. #}
{% macro is_personal(column) %}
    {{- return(column.meta.get('personal', false)) -}}
{% endmacro %}

{% macro names_and_types(columns) %}
    {%- set out = [] -%}
    {%- for column in columns -%}
        {%- do out.append({'name': column.name, 'type': column.type, 'personal': true} if column.personal
            else {'name': column.name, 'type': column.type}) -%}
    {%- endfor -%}
    {{- return(out) -}}
{% endmacro %}

{% macro column_list(columns) %}
    {%- set out = [] -%}
    {%- for column in columns -%}
        {%- do out.append({'name': column.name, 'type': column.type, 'description': column.description,
            'personal': asof.is_personal(column)}) -%}
    {%- endfor -%}
    {{- return(out) -}}
{% endmacro %}
