{% macro check_service(spec) %}
    {%- set where = spec.node.original_file_path ~ ': ' ~ spec.id -%}
    {%- for parent in spec.node.depends_on.nodes if parent != spec.rows_node.unique_id -%}
        {%- set node = graph.nodes.get(parent) or graph.sources.get(parent) -%}
        {{- asof.refuse(where ~ ' reads ' ~ node.name ~ '. A service sees its rows only (' ~ spec.rows_node.name
            ~ '): what is not in them is not available when a prediction is asked for. Make it a feature, or a '
            ~ 'request column of ' ~ spec.examples_node.name ~ '.') -}}
    {%- endfor -%}
    {%- do asof.check_service_names(spec) -%}
    {%- if asof.training_of(spec.node) is none -%}
        {{- asof.refuse(where ~ ' has no model ' ~ spec.base ~ '_training. Add models/training/' ~ spec.base
            ~ '_training.sql with the one line {{ asof.training() }}.') -}}
    {%- endif -%}
    {%- do asof.check_documented(spec.node, where, 'service') -%}
    {%- do asof.check_service_types(spec) -%}
{% endmacro %}
