{# The key columns of an entity: all its columns but its times of knowing. #}
{% macro entity_keys(node) %}
    {%- set keys = [] -%}
    {%- for column in node.columns.values() if column.name not in ['first_seen_at', 'gone_at'] -%}
        {%- do keys.append(column.name) -%}
    {%- endfor -%}
    {%- if keys | length == 0 -%}
        {{- asof.refuse(node.original_file_path ~ ': the entity ' ~ node.name ~ ' names no key column. List its '
            ~ 'columns in its YAML: the key(s), first_seen_at and, where it can go away, gone_at.') -}}
    {%- endif -%}
    {{- return(keys) -}}
{% endmacro %}
