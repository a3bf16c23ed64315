{# An owner, a description and the test line: what a catalog is worth reading for, and what a publication stands on. #}
{% macro check_documented(node, where, test) %}
    {%- if not asof.owner_of(node) -%}
        {{- asof.refuse(where ~ ' has no owner. Name who answers for it in its YAML: `config: {meta: {owner: '
            ~ 'logistics-ml}}`.') -}}
    {%- endif -%}
    {%- if not node.description -%}
        {{- asof.refuse(where ~ ' has no description. Say in its YAML what one row is.') -}}
    {%- endif -%}
    {%- if not node.config.contract.enforced -%}
        {{- asof.refuse(where ~ ' has no enforced contract. Add `config: {contract: {enforced: true}}` to its '
            ~ 'YAML: history, training and the API take their types from it.') -}}
    {%- endif -%}
    {%- for candidate in graph.nodes.values() if candidate.resource_type == 'test'
        and candidate.attached_node == node.unique_id
            and candidate.test_metadata and candidate.test_metadata.name == test -%}
        {{- return(none) -}}
    {%- endfor -%}
    {{- asof.refuse(where ~ ' has no test line. Add to its YAML: `data_tests: [asof.' ~ test ~ ']`.') -}}
{% endmacro %}
