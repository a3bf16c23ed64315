{#
  All that models are made of: the unique_id of each ancestor (model, seed, snapshot or source), with that of the model
  which it was reached from. What stands in the graph only: a relation by its literal name is seen by the parser.
  to_leaves: no further than what the data begins at (see is_leaf).
#}
{% macro lineage_of(nodes, to_leaves=false) %}
    {%- set found = {} -%}
    {%- set ns = namespace(frontier=nodes | map(attribute='unique_id') | list) -%}
    {%- for _ in range(1000) if ns.frontier -%}
        {%- set next_ = [] -%}
        {%- for reader in ns.frontier if reader in graph.nodes and not (to_leaves
            and asof.is_leaf(graph.nodes[reader])) -%}
            {%- for parent in graph.nodes[reader].depends_on.nodes if parent not in found -%}
                {%- do found.update({parent: reader}) -%}
                {%- do next_.append(parent) -%}
            {%- endfor -%}
        {%- endfor -%}
        {%- set ns.frontier = next_ -%}
    {%- endfor -%}
    {{- return(found) -}}
{% endmacro %}

{# How a model comes by an ancestor, in words: `stg_visits, through base_visits`. lineage: as above, of that model. #}
{% macro through(lineage, node, ancestor) %}
    {%- set between = [] -%}
    {%- set ns = namespace(at=lineage[ancestor]) -%}
    {%- for _ in range(1000) if ns.at != node.unique_id -%}
        {%- do between.append(graph.nodes[ns.at].name) -%}
        {%- set ns.at = lineage[ns.at] -%}
    {%- endfor -%}
    {{- return(' (through ' ~ between | reverse | join(', ') ~ ')' if between else '') -}}
{% endmacro %}
