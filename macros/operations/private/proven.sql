{# What the proof has to know of a model. #}
{% macro proven(node, name, keys) %}
    {%- set labels = [] -%}
    {%- for column in asof.declared_columns(node) if column.meta.get('label') -%}
        {%- do labels.append(column.name) -%}
    {%- endfor -%}
    {{- return({
        'unique_id': node.unique_id, 'role': asof.role(node), 'name': name, 'keys': keys, 'labels': labels,
        'known_within': asof.seconds(node.config.meta.get('known_within') or '0 seconds', 'known_within of '
            ~ node.name),
        'yaml': (node.patch_path or node.original_file_path).split('://')[-1],
    }) -}}
{% endmacro %}

{% macro relation_path(relation) %}
    {{- return([relation.database, relation.schema, relation.identifier]) -}}
{% endmacro %}
