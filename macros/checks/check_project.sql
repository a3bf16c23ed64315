{#
  Refuses, before anything runs and on every engine, what the graph shows to be against the rules. Each message names the
  file and the remedy. (What SQL text holds is left to check_parsed_sql.)
#}
{% macro check_project() %}
    {%- if asof.models_of('clock') | length != 1 -%}
        {{- asof.refuse('the project needs one model in models/clock, clock.sql, with the one line {{ asof.clock() }}.') -}}
    {%- endif -%}
    {%- do asof.check_names() -%}
    {%- do asof.check_declared_times() -%}
    {%- do asof.check_latest_materialized() -%}
    {%- do asof.publish_lag_seconds() -%}
    {%- do asof.not_knowledge_safe(asof.models_of('event')) -%}
    {%- do asof.check_record_readers() -%}
    {%- for node in asof.models_of('group') -%}{%- do asof.check_group(asof.group_spec_of(node)) -%}{%- endfor -%}
    {%- for node in asof.models_of('service') -%}{%- do asof.check_service(asof.service_spec_of(node)) -%}{%- endfor -%}
    {%- do asof.check_meanings() -%}
{% endmacro %}

{% macro check_group(spec) %}
    {%- set where = spec.node.original_file_path ~ ': ' ~ spec.id -%}
    {%- for parent in spec.node.depends_on.nodes -%}
        {%- set node = graph.nodes.get(parent) or graph.sources.get(parent) -%}
        {%- if asof.role(node) not in ['event', 'entity', 'clock'] -%}
            {{- asof.refuse(where ~ ' reads ' ~ node.name ~ '. A feature group reads one entity (asof.points) and event models of models/staging '
                ~ '(asof.left_join_known, asof.left_join_last_known), nothing else: anything else could hold what was not known at as_of.') -}}
        {%- endif -%}
    {%- endfor -%}
    {%- do asof.check_documented(spec.node, where, 'feature_group') -%}
    {%- do asof.check_group_types(spec) -%}
{% endmacro %}

{% macro check_service(spec) %}
    {%- set where = spec.node.original_file_path ~ ': ' ~ spec.id -%}
    {%- for parent in spec.node.depends_on.nodes if parent != spec.rows_node.unique_id -%}
        {%- set node = graph.nodes.get(parent) or graph.sources.get(parent) -%}
        {{- asof.refuse(where ~ ' reads ' ~ node.name ~ '. A service sees its rows only (' ~ spec.rows_node.name ~ '): what is not in them is not available when a '
            ~ 'prediction is asked for. Make it a feature, or a request column of ' ~ spec.examples_node.name ~ '.') -}}
    {%- endfor -%}
    {%- do asof.check_service_names(spec) -%}
    {%- if asof.model_named(spec.base ~ '_training') is none -%}
        {{- asof.refuse(where ~ ' has no model ' ~ spec.base ~ '_training. Add models/training/' ~ spec.base
            ~ '_training.sql with the one line {{ asof.training() }}.') -}}
    {%- endif -%}
    {%- do asof.check_documented(spec.node, where, 'service') -%}
    {%- do asof.check_service_types(spec) -%}
{% endmacro %}

{# An owner, a description and the test line: what a catalog is worth reading for, and what a publication stands on. #}
{% macro check_documented(node, where, test) %}
    {%- if not asof.owner_of(node) -%}
        {{- asof.refuse(where ~ ' has no owner. Name who answers for it in its YAML: `config: {meta: {owner: logistics-ml}}`.') -}}
    {%- endif -%}
    {%- if not node.description -%}
        {{- asof.refuse(where ~ ' has no description. Say in its YAML what one row is.') -}}
    {%- endif -%}
    {%- if not node.config.contract.enforced -%}
        {{- asof.refuse(where ~ ' has no enforced contract. Add `config: {contract: {enforced: true}}` to its YAML: history, training and the API take their types from it.') -}}
    {%- endif -%}
    {%- for candidate in graph.nodes.values() if candidate.resource_type == 'test' and candidate.attached_node == node.unique_id
            and candidate.test_metadata and candidate.test_metadata.name == test -%}
        {{- return(none) -}}
    {%- endfor -%}
    {{- asof.refuse(where ~ ' has no test line. Add to its YAML: `data_tests: [asof.' ~ test ~ ']`.') -}}
{% endmacro %}

{# One name, one meaning: groups that declare a feature of the same name declare it alike. Versions of one group may differ. #}
{% macro check_meanings() %}
    {%- set declared = {} -%}
    {%- for node in asof.models_of('group') -%}
        {%- for feature in asof.group_spec_of(node).features -%}
            {%- set here = {'node': node, 'type': feature.type, 'description': feature.description | trim} -%}
            {%- for other in declared.get(feature.name, []) if other.node.name != node.name and (other.type, other.description) != (here.type, here.description) -%}
                {{- asof.refuse(other.node.original_file_path ~ ' and ' ~ node.original_file_path ~ ': the feature ' ~ feature.name ~ ' has two meanings. '
                    ~ asof.versioned_id(other.node) ~ ' declares it as ' ~ other.type ~ ', "' ~ other.description ~ '"; ' ~ asof.versioned_id(node) ~ ' as ' ~ here.type ~ ', "'
                    ~ here.description ~ '". Who reads the catalog would take one for the other: rename one of them, or declare both with the same data_type and description.') -}}
            {%- endfor -%}
            {%- do declared.update({feature.name: declared.get(feature.name, []) + [here]}) -%}
        {%- endfor -%}
    {%- endfor -%}
{% endmacro %}
