{# Refuses a selection that leaves out a model which a group or service reads, and which no run has built yet. #}
{% macro check_parents_are_built(node) %}
    {%- for parent in node.depends_on.nodes if parent in graph.nodes
        and graph.nodes[parent].config.materialized != 'ephemeral' -%}
        {%- if load_cached_relation(asof.relation_of(graph.nodes[parent])) is none -%}
            {{- asof.refuse(node.original_file_path ~ ': ' ~ asof.versioned_id(node) ~ ' reads '
                ~ graph.nodes[parent].name ~ ', which was never built in this warehouse. Select it too: `dbt build '
                ~ '--select +' ~ node.name ~ '_v' ~ node.version ~ '+`.') -}}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}
