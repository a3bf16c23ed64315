{#
  {models, tests}: the models that a publication is made of (the roots, the groups' and services' own, with all their
  ancestors) and the tests on any of them, by unique_id. What belongs only to something under construction, or to
  nothing of ours, is not in it. beside: the models of what else is published, which a test may read too.
#}
{% macro publication_scope(roots, beside=[]) %}
    {%- set models = [] -%}
    {%- set ns = namespace(frontier=roots) -%}
    {%- for _ in range(1000) if ns.frontier -%}
        {%- set next_ = [] -%}
        {%- for unique_id in ns.frontier if unique_id in graph.nodes and unique_id not in models
            and graph.nodes[unique_id].resource_type == 'model' -%}
            {%- do models.append(unique_id) -%}
            {%- do next_.extend(graph.nodes[unique_id].depends_on.nodes) -%}
        {%- endfor -%}
        {%- set ns.frontier = next_ -%}
    {%- endfor -%}
    {%- set built, tests = [], [] -%}
    {%- for unique_id in models if graph.nodes[unique_id].config.materialized != 'ephemeral' -%}
        {%- do built.append(unique_id) -%}
    {%- endfor -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'test' -%}
        {%- set on = node.depends_on.nodes | select('in', models) | list -%}
        {%- set under_construction = namespace(found=false) -%}
        {%- for unique_id in node.depends_on.nodes if unique_id not in models + beside and unique_id in graph.nodes
            and asof.role(graph.nodes[unique_id]) is not none -%}
            {%- set under_construction.found = true -%}
        {%- endfor -%}
        {%- if (on and not under_construction.found) or not node.depends_on.nodes -%}
            {%- do tests.append(node.unique_id) -%}
        {%- endif -%}
    {%- endfor -%}
    {{- return({'models': built, 'tests': tests}) -}}
{% endmacro %}
