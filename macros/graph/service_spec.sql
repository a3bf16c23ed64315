{#
  Everything the project knows of a service, from its YAML, its examples' YAML and the one line of its rows:
  {id, name, version, base, node, rows, examples, labels, keys, request, groups, features, looked_up, has_sequence_number}.
  groups: [{name, alias, spec, keys | via: {group, column}}] in the order of the rows' line (the first is the service's first
  group), those looked up through another last.
  Errors: what does not fit together, each named with the file to mend.
#}
{% macro service_spec(name, version) %}
    {%- for node in asof.models_of('service') if node.name == name and node.version | string == version | string -%}
        {{- return(asof.service_spec_of(node)) -}}
    {%- endfor -%}
    {{- asof.refuse('there is no service ' ~ name ~ '@' ~ version ~ ' in models/services. There are: '
        ~ asof.models_of('service') | map(attribute='unique_id') | join(', ') ~ '.') -}}
{% endmacro %}

{% macro service_spec_of(node) %}
    {%- set where = node.original_file_path -%}
    {%- set id = asof.versioned_id(node) -%}
    {%- set base = node.name ~ '_v' ~ node.version -%}
    {%- set rows = asof.model_named(base ~ '_rows') -%}
    {%- if rows is none -%}
        {{- asof.refuse(where ~ ': ' ~ id ~ ' has no rows. Add models/services/' ~ base ~ "_rows.sql with the one line {{ asof.rows(['<group>@<version>', ...]) }}.") -}}
    {%- endif -%}
    {%- set examples = asof.model_named(rows.config.meta.asof_examples) -%}
    {%- if examples is none -%}
        {{- asof.refuse(rows.original_file_path ~ ': there is no examples model ' ~ rows.config.meta.asof_examples ~ '.') -}}
    {%- endif -%}
    {%- set lookups = node.config.meta.get('lookups', {}) -%}
    {%- set direct, via, key_names = [], [], [] -%}
    {%- for group_id in rows.config.meta.asof_groups -%}
        {%- set spec = asof.group_spec(group_id.split('@')[0], group_id.split('@')[1]) -%}
        {%- set group = {'name': spec.name, 'group': spec.id, 'spec': spec} -%}
        {%- if spec.name in lookups -%}
            {%- set through = lookups[spec.name].split('.') -%}
            {%- do group.update({'via': {'group': through[0], 'column': through[1]}}) -%}
            {%- if spec['keys'] | length != 1 -%}
                {{- asof.refuse(where ~ ': ' ~ id ~ ' looks ' ~ spec.id ~ ' up through ' ~ lookups[spec.name] ~ ', but that group has ' ~ spec['keys'] | length ~ ' keys. A '
                    ~ 'lookup goes through one stored column to a group with one key.') -}}
            {%- endif -%}
            {%- do via.append(group) -%}
        {%- else -%}
            {%- do group.update({'keys': spec['keys'] | map(attribute='name') | list}) -%}
            {%- for key in spec['keys'] if key.name not in key_names | map(attribute='name') -%}{%- do key_names.append(key) -%}{%- endfor -%}
            {%- do direct.append(group) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if direct | length == 0 -%}
        {{- asof.refuse(where ~ ': ' ~ id ~ ' looks every group up through another; its first group must be found by keys that the caller sends.') -}}
    {%- endif -%}
    {%- for group in via -%}
        {%- set source = direct | selectattr('name', 'equalto', group.via.group) | list -%}
        {%- if source | length == 0 or group.via.column not in source[0].spec.features | map(attribute='name') | list -%}
            {{- asof.refuse(where ~ ': the lookup ' ~ group.name ~ ': ' ~ group.via.group ~ '.' ~ group.via.column ~ ' of ' ~ id ~ ' names no stored column of a group that '
                ~ 'is found by keys (one hop only). Groups found by keys: ' ~ direct | map(attribute='name') | join(', ') ~ '.') -}}
        {%- endif -%}
    {%- endfor -%}
    {%- for name in lookups if name not in via | map(attribute='name') | list -%}
        {{- asof.refuse(where ~ ': ' ~ id ~ ' declares a lookup for ' ~ name ~ ', which its rows do not read (' ~ rows.original_file_path ~ ').') -}}
    {%- endfor -%}

    {%- set request, labels = [], [] -%}
    {%- set example_columns = asof.declared_columns(examples) -%}
    {%- set example_names = example_columns | map(attribute='name') | list -%}
    {%- for needed in ['row_id', 'prediction_time', 'label_known_at'] + key_names | map(attribute='name') | list if needed not in example_names -%}
        {{- asof.refuse(examples.original_file_path ~ ': ' ~ examples.name ~ ' must have the column ' ~ needed ~ ' (and name it in its YAML): examples are row_id, '
            ~ 'the entity keys of ' ~ id ~ ', prediction_time, request columns, label columns and label_known_at.') -}}
    {%- endfor -%}
    {%- for column in example_columns -%}
        {%- if not column.type -%}
            {{- asof.refuse(examples.original_file_path ~ ': the column ' ~ column.name ~ ' of ' ~ examples.name ~ ' has no data_type in its YAML.') -}}
        {%- endif -%}
        {%- if column.meta.get('label') -%}{%- do labels.append(column) -%}
        {%- elif column.name not in ['row_id', 'prediction_time', 'label_known_at', 'sequence_number'] + key_names | map(attribute='name') | list -%}
            {%- do request.append(column) -%}
        {%- endif -%}
    {%- endfor -%}

    {%- set looked_up = [{'name': 'row_id', 'type': 'varchar'}] + key_names + request + [{'name': 'prediction_time', 'type': asof.type_timestamptz()}] -%}
    {%- for group in direct + via -%}
        {%- set looked_up = looked_up.extend([
            {'name': group.name ~ '__found', 'type': 'boolean'},
            {'name': group.name ~ '__as_of', 'type': asof.type_timestamptz()},
            {'name': group.name ~ '__max_age_seconds', 'type': 'bigint'}] + group.spec.features) -%}
    {%- endfor -%}
    {%- set seen = [] -%}
    {%- for column in looked_up -%}
        {%- if column.name in seen -%}
            {{- asof.refuse(where ~ ': two columns of the rows of ' ~ id ~ ' are called ' ~ column.name ~ '. Names are unique across the groups, keys and request columns '
                ~ 'of a service: call a request column request_' ~ column.name ~ ', or rename the feature.') -}}
        {%- endif -%}
        {%- do seen.append(column.name) -%}
    {%- endfor -%}
    {%- set reserved = ['status', 'rejected_columns'] -%}
    {%- for group in direct + via -%}{%- do reserved.append(group.name ~ '_status') -%}{%- endfor -%}
    {%- set features = [] -%}
    {%- for column in asof.declared_columns(node) if column.name != 'row_id' -%}
        {%- if column.name in reserved -%}
            {{- asof.refuse(where ~ ': ' ~ id ~ ' returns a column called ' ~ column.name ~ ', which the answer adds itself. Call it something else.') -}}
        {%- endif -%}
        {%- do features.append(column) -%}
    {%- endfor -%}
    {{- return({'id': id, 'name': node.name, 'version': node.version | int, 'base': base, 'node': node, 'rows_node': rows, 'examples_node': examples,
        'groups': direct + via, 'keys': key_names, 'request': request, 'labels': labels, 'features': features, 'looked_up': looked_up,
        'has_sequence_number': 'sequence_number' in example_names}) -}}
{% endmacro %}
