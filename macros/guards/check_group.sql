{% macro check_group(spec) %}
    {%- set where = spec.node.original_file_path ~ ': ' ~ spec.id -%}
    {%- for parent in spec.node.depends_on.nodes -%}
        {%- set node = graph.nodes.get(parent) or graph.sources.get(parent) -%}
        {%- if asof.role(node) not in ['event', 'entity', 'clock'] -%}
            {{- asof.refuse(where ~ ' reads ' ~ node.name ~ '. A feature group reads one entity (asof.points) and '
                ~ 'event models of models/staging (asof.left_join_known, asof.left_join_last_known), nothing else: '
                ~ 'anything else could hold what was not known at as_of.') -}}
        {%- endif -%}
    {%- endfor -%}
    {%- do asof.check_documented(spec.node, where, 'feature_group') -%}
    {%- do asof.check_group_types(spec) -%}
{% endmacro %}
