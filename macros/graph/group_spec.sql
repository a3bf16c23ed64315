{#
  Everything the project knows of a feature group, from its YAML: {id, name, version, base, node, entity, keys,
  features, max_age_seconds, target_seconds, history, latest, events}. keys and features are lists of {name, type,
  description, meta}; history and latest are relations; events the nodes of the event models it reads; target_seconds
  is none where there is no target. Errors: a missing entity, key, type or max_age, each named with the file to mend.
#}
{% macro group_spec(name, version) %}
    {%- for node in asof.models_of('group') if node.name == name and node.version | string == version | string -%}
        {{- return(asof.group_spec_of(node)) -}}
    {%- endfor -%}
    {{- asof.refuse('there is no feature group ' ~ name ~ '@' ~ version ~ ' in models/features. There are: '
        ~ asof.ids_of('group') ~ '.') -}}
{% endmacro %}

{% macro group_spec_of(node) %}
    {%- set where = node.original_file_path -%}
    {%- set id = asof.versioned_id(node) -%}
    {%- set entities, events = [], [] -%}
    {%- for parent in node.depends_on.nodes if parent in graph.nodes -%}
        {%- if asof.role(graph.nodes[parent]) == 'entity' -%}
            {%- do entities.append(graph.nodes[parent]) -%}
        {%- endif -%}
        {%- if asof.role(graph.nodes[parent]) == 'event' -%}{%- do events.append(graph.nodes[parent]) -%}{%- endif -%}
    {%- endfor -%}
    {%- if entities | length != 1 -%}
        {{- asof.refuse(where ~ ': ' ~ id ~ ' must read exactly one entity, by `from {{ asof.points(ref(...)) }} '
            ~ 'as point`; it reads ' ~ (entities | map(attribute='name') | join(', ') or 'none') ~ '.') -}}
    {%- endif -%}
    {%- set key_names = asof.entity_keys(entities[0]) -%}
    {%- set columns = asof.declared_columns(node) -%}
    {%- set keys, features = [], [] -%}
    {%- for column in columns -%}
        {%- if not column.type -%}
            {{- asof.refuse(where ~ ': the column ' ~ column.name ~ ' of ' ~ id ~ ' has no data_type in its YAML. '
                ~ 'Add the one that the SQL returns, as in `data_type: bigint`.') -}}
        {%- endif -%}
        {%- if column.name in key_names -%}{%- do keys.append(column) -%}
        {%- elif column.name != 'as_of' -%}{%- do features.append(column) -%}{%- endif -%}
    {%- endfor -%}
    {%- for key in key_names if key not in keys | map(attribute='name') -%}
        {{- asof.refuse(where ~ ': ' ~ id ~ ' leaves out ' ~ key ~ ', a key of ' ~ entities[0].name
            ~ '. A group has one row per point, so it returns all keys of its entity and as_of, and groups by '
            ~ 'them.') -}}
    {%- endfor -%}
    {%- set max_age = node.config.meta.get('max_age') -%}
    {%- if not max_age -%}
        {{- asof.refuse(where ~ ": " ~ id ~ " declares no max_age. Say in its YAML how old its moment may grow "
            ~ "before its features are STALE: `config: {meta: {max_age: 2 hours}}`.") -}}
    {%- endif -%}
    {%- set target = node.config.meta.get('target') -%}
    {%- set base = node.name ~ '_v' ~ node.version -%}
    {%- set beside = {} -%}
    {%- for suffix in ['history', 'latest'] -%}
        {%- set one_line = asof.model_named(base ~ '_' ~ suffix) -%}
        {%- if one_line is none -%}
            {{- asof.refuse(where ~ ': ' ~ id ~ ' has no model ' ~ base ~ '_' ~ suffix ~ '. Add models/' ~ ('history'
                if suffix == 'history' else 'online') ~ '/' ~ base ~ '_' ~ suffix ~ '.sql with the one line {{ asof.'
                    ~ suffix ~ '() }}.') -}}
        {%- endif -%}
        {%- do beside.update({suffix: one_line}) -%}
    {%- endfor -%}
    {{- return({'id': id, 'name': node.name, 'version': node.version | int, 'base': base, 'node': node,
        'entity': entities[0],
        'events': events, 'keys': keys, 'features': features, 'max_age_seconds': asof.seconds(max_age, 'max_age of '
            ~ id), 'target_seconds': asof.seconds(target, 'target of ' ~ id) if target else none,
        'history_node': beside['history'], 'latest_node': beside['latest'],
        'history': asof.relation_of(beside['history']), 'latest': asof.relation_of(beside['latest'])}) -}}
{% endmacro %}
