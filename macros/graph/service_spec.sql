{#
  Everything the project knows of a service, from its YAML, its examples' YAML and the one line of its rows:
  {id, name, version, base, node, rows_node, examples_node, groups, keys, request, labels, features, looked_up,
  has_sequence_number}.

  groups, the lookups: [{name, group, spec, features, keys | via: {group, column}, via_column}] in the order of the
  rows' line (the first is the service's first group), those found through another last. `name` is the lookup's alias:
  the group's name, unless the line says `shipment@1 as other`. `features`: the group's own, [{name, column, type}],
  where `name` is what the rows call it: `<alias>_<column>` under an alias. `keys`: what the caller sends for the
  group's keys, in their order. `via_column`: what the rows call the stored column that the lookup goes through.
  keys: the columns that the caller sends to find groups by.
  looked_up: the columns that the service's text is run over, each with where it is from (asof.looked_up_columns).
  Errors: what does not fit together, each named with the file to mend.
#}
{% macro service_spec(name, version) %}
    {%- for node in asof.models_of('service') if node.name == name and node.version | string == version | string -%}
        {{- return(asof.service_spec_of(node)) -}}
    {%- endfor -%}
    {{- asof.refuse('there is no service ' ~ name ~ '@' ~ version ~ ' in models/services. There are: '
        ~ asof.ids_of('service') ~ '.') -}}
{% endmacro %}

{% macro service_spec_of(node) %}
    {%- set where = node.original_file_path -%}
    {%- set id = asof.versioned_id(node) -%}
    {%- set base = node.name ~ '_v' ~ node.version -%}
    {%- set rows = asof.model_named(base ~ '_rows') -%}
    {%- if rows is none -%}
        {{- asof.refuse(where ~ ': ' ~ id ~ ' has no rows. Add models/services/' ~ base
            ~ "_rows.sql with the one line {{ asof.rows(['<group>@<version>', ...]) }}.") -}}
    {%- endif -%}
    {%- set examples = asof.model_named(rows.config.meta.asof_examples) -%}
    {%- if examples is none -%}
        {{- asof.refuse(rows.original_file_path ~ ': there is no examples model ' ~ rows.config.meta.asof_examples
            ~ '. Write it in models/services, or name the one that there is: `asof.rows([...], examples=...)`.') -}}
    {%- endif -%}
    {%- set example_columns = asof.declared_columns(examples) -%}
    {%- set lookups = asof.lookups_of(node, rows) -%}
    {%- set keys = asof.service_keys(lookups, example_columns) -%}

    {%- set request, labels = [], [] -%}
    {%- set key_names = keys | map(attribute='name') | list -%}
    {%- set example_names = example_columns | map(attribute='name') | list -%}
    {%- for needed in ['row_id', 'prediction_time', 'label_known_at'] + key_names if needed not in example_names -%}
        {{- asof.refuse(examples.original_file_path ~ ': ' ~ examples.name ~ ' must have the column ' ~ needed
            ~ ' (and name it in its YAML): examples are row_id, the entity keys of ' ~ id
            ~ ', prediction_time, request columns, label columns and label_known_at.') -}}
    {%- endfor -%}
    {%- for column in example_columns -%}
        {%- if not column.type -%}
            {{- asof.refuse(examples.original_file_path ~ ': the column ' ~ column.name ~ ' of ' ~ examples.name
                ~ ' has no data_type in its YAML. Add the one that the SQL returns, as in `data_type: bigint`.') -}}
        {%- endif -%}
        {%- if column.meta.get('label') -%}{%- do labels.append(column) -%}
        {%- elif column.name not in ['row_id', 'prediction_time', 'label_known_at', 'sequence_number'] + key_names -%}
            {%- do request.append(column) -%}
        {%- endif -%}
    {%- endfor -%}

    {%- set looked_up = asof.looked_up_columns(keys, request, lookups) -%}
    {%- set statuses = [] -%}
    {%- for lookup in lookups -%}{%- do statuses.append(lookup.name ~ '_status') -%}{%- endfor -%}
    {%- set seen = [] -%}
    {%- for name in looked_up | map(attribute='name') | list + statuses -%}
        {%- if name in seen -%}
            {{- asof.refuse(where ~ ': two columns of the rows of ' ~ id ~ ' are called ' ~ name ~ '. Names are unique '
                ~ 'across the lookups, keys and request columns of a service: call a request column request_' ~ name
                ~ ', or look the group up under an alias (' ~ rows.original_file_path
                ~ "), as in 'shipment@1 as other': its columns are then called other_<column>.") -}}
        {%- endif -%}
        {%- do seen.append(name) -%}
    {%- endfor -%}
    {%- set features = [] -%}
    {%- for column in asof.declared_columns(node) if column.name != 'row_id' -%}
        {%- if column.name in ['status', 'rejected_columns'] + statuses -%}
            {{- asof.refuse(where ~ ': ' ~ id ~ ' returns a column called ' ~ column.name
                ~ ', which the answer adds itself. Call it something else.') -}}
        {%- endif -%}
        {%- do features.append(column) -%}
    {%- endfor -%}
    {{- return({'id': id, 'name': node.name, 'version': node.version | int, 'base': base, 'node': node,
        'rows_node': rows, 'examples_node': examples, 'groups': lookups, 'keys': keys, 'request': request,
        'labels': labels, 'features': features, 'looked_up': looked_up,
        'has_sequence_number': 'sequence_number' in example_names}) -}}
{% endmacro %}

{# What asof.rows is given: {name, version, alias, is_aliased} of 'shipment@1' or 'shipment@1 as other', or none. #}
{% macro parse_lookup(text) %}
    {%- set match = modules.re.match('^ *([a-z_][a-z0-9_]*)@(\d+)(?: +as +([a-z_][a-z0-9_]*))? *$', text | string) -%}
    {%- if not match -%}{{- return(none) -}}{%- endif -%}
    {{- return({'name': match.group(1), 'version': match.group(2), 'alias': match.group(3) or match.group(1),
        'is_aliased': match.group(3) is not none}) -}}
{% endmacro %}

{#
  The lookups of a service, as service_spec documents them: from the line of its rows and, where a group's keys are not
  sent under their own names, the `lookups` of its YAML. There, a lookup's alias stands before where its key comes from:
  `origin: shipment.origin_warehouse_id`, a stored column of another lookup; `sender: sender_id`, what the caller sends;
  `lane: {from_id: origin_id, to_id: destination_id}`, the same for a group of several keys.
#}
{% macro lookups_of(node, rows) %}
    {%- set what = node.original_file_path ~ ': ' ~ asof.versioned_id(node) -%}
    {%- set declared = node.config.meta.get('lookups') or {} -%}
    {%- set direct, via, aliases = [], [], [] -%}
    {%- for text in rows.config.meta.asof_groups -%}
        {%- set said = asof.parse_lookup(text) -%}
        {%- if said.alias in aliases -%}
            {{- asof.refuse(rows.original_file_path ~ ': two lookups are called ' ~ said.alias
                ~ ". Give one of them an alias, as in '" ~ said.name ~ '@' ~ said.version ~ " as other': its columns are then called "
                ~ 'other_<column>.') -}}
        {%- endif -%}
        {%- do aliases.append(said.alias) -%}
        {%- set spec = asof.group_spec(said.name, said.version) -%}
        {%- set features = [] -%}
        {%- for feature in spec.features -%}
            {%- do features.append({'name': said.alias ~ '_' ~ feature.name if said.is_aliased else feature.name,
                'column': feature.name, 'type': feature.type}) -%}
        {%- endfor -%}
        {%- set lookup = {'name': said.alias, 'group': spec.id, 'spec': spec, 'features': features} -%}
        {%- set own_keys = spec['keys'] | map(attribute='name') | list -%}
        {%- set source = declared.get(said.alias, own_keys) -%}
        {%- if source is string and '.' in source -%}
            {%- set through = source.split('.') -%}
            {%- do lookup.update({'via': {'group': through[0], 'column': through[1]}}) -%}
            {%- do via.append(lookup) -%}
        {%- else -%}
            {%- set sent = asof.sent_keys(source, own_keys) -%}
            {%- do lookup.update({'keys': sent}) -%}
            {%- do direct.append(lookup) -%}
        {%- endif -%}
        {%- if lookup.get('keys', own_keys) is none or (lookup.via and own_keys | length != 1) -%}
            {%- set sources = '<key>' if own_keys | length == 1 else '{' ~ own_keys | join(': <key>, ') ~ ': <key>}' -%}
            {{- asof.refuse(what ~ ' looks ' ~ spec.id ~ ' up by ' ~ source ~ ', which does not lead to its '
                ~ own_keys | length ~ ' keys: ' ~ own_keys | join(', ') ~ '. Write in its YAML `lookups: {' ~ said.alias
                ~ ': ' ~ sources ~ '}`, where <key> is one that the caller sends'
                ~ (', or <lookup>.<stored column>.' if own_keys | length == 1 else '.')) -}}
        {%- endif -%}
    {%- endfor -%}
    {%- for alias in declared if alias not in aliases -%}
        {#- dbt adds what a version says to what stands above the versions, so `lookups: {}` takes none away -#}
        {{- asof.refuse(what ~ ' declares a lookup for ' ~ alias ~ ', which its rows do not read ('
            ~ rows.original_file_path ~ '). They read ' ~ aliases | join(', ') ~ '. What stands above `versions` holds '
            ~ 'for all of them: declare it under the versions that read ' ~ alias ~ ', as in `versions: [{v: 1, config: '
            ~ '{meta: {lookups: {' ~ alias ~ ': ' ~ (declared[alias] if declared[alias] is string else '...')
            ~ '}}}}]`.') -}}
    {%- endfor -%}
    {%- if not direct -%}
        {{- asof.refuse(what ~ ' looks every group up through another; its first group must be found by keys that the '
            ~ 'caller sends.') -}}
    {%- endif -%}
    {%- for lookup in via -%}
        {%- do lookup.update({'via_column': asof.via_column(lookup, direct)}) -%}
        {%- if lookup.via_column is none -%}
            {{- asof.refuse(node.original_file_path ~ ': the lookup ' ~ lookup.name ~ ': ' ~ lookup.via.group ~ '.'
                ~ lookup.via.column ~ ' of ' ~ asof.versioned_id(node) ~ ' names no stored column of a group that '
                ~ 'is found by keys (one hop only). Groups found by keys: '
                ~ direct | map(attribute='name') | join(', ') ~ '.') -}}
        {%- endif -%}
    {%- endfor -%}
    {{- return(direct + via) -}}
{% endmacro %}

{# What the caller sends for a group's keys, in their order, by what the YAML says of it; none if that does not fit. #}
{% macro sent_keys(said, own_keys) %}
    {%- if said is string and own_keys | length == 1 -%}{{- return([said]) -}}{%- endif -%}
    {%- if said is mapping and said.keys() | sort == own_keys | sort -%}
        {%- set sent = [] -%}
        {%- for key in own_keys -%}{%- do sent.append(said[key]) -%}{%- endfor -%}
        {{- return(sent) -}}
    {%- endif -%}
    {{- return(own_keys if said is sameas own_keys else none) -}}
{% endmacro %}

{# What the rows call the stored column that a lookup goes through, or none. lookups: those found by keys. #}
{% macro via_column(lookup, lookups) %}
    {%- for source in lookups if source.name == lookup.via.group and not source.via -%}
        {%- for feature in source.features if feature.column == lookup.via.column -%}
            {{- return(feature.name) -}}
        {%- endfor -%}
    {%- endfor -%}
    {{- return(none) -}}
{% endmacro %}

{# The keys that the caller sends, each once: {name, type, description, meta}, of the type of the group's own. #}
{% macro service_keys(lookups, example_columns) %}
    {%- set described = {} -%}
    {%- for column in example_columns -%}{%- do described.update({column.name: column}) -%}{%- endfor -%}
    {%- set keys = [] -%}
    {%- for lookup in lookups if not lookup.via -%}
        {%- for sent, key in zip(lookup['keys'], lookup.spec['keys']) if sent not in keys | map(attribute='name') -%}
            {%- set told = described.get(sent, key) if sent != key.name else key -%}
            {%- do keys.append({'name': sent, 'type': key.type, 'description': told.description,
                'meta': dict(key.meta, **told.meta)}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{- return(keys) -}}
{% endmacro %}

{#
  The columns that a service's text is run over, in their order: {name, type, source} and, by source,
    input          what the caller sends
    prediction_time, row_id
    found, as_of, max_age_seconds    whether the `lookup` of that alias found a row; its moment; how old that may be
    feature        the `column` of what the `lookup` of that alias found, null where it found none
  The shim fills them by that, and reads nothing into their names.
#}
{% macro looked_up_columns(keys, request, lookups) %}
    {%- set time = asof.type_timestamptz() -%}
    {%- set columns = [{'name': 'row_id', 'type': 'varchar', 'source': 'row_id'}] -%}
    {%- for column in keys + request -%}
        {%- do columns.append({'name': column.name, 'type': column.type, 'source': 'input'}) -%}
    {%- endfor -%}
    {%- do columns.append({'name': 'prediction_time', 'type': time, 'source': 'prediction_time'}) -%}
    {%- for lookup in lookups -%}
        {%- for source, type in [('found', 'boolean'), ('as_of', time), ('max_age_seconds', 'bigint')] -%}
            {%- do columns.append({'name': 'asof_' ~ source ~ '_' ~ lookup.name, 'type': type, 'source': source,
                'lookup': lookup.name}) -%}
        {%- endfor -%}
        {%- for feature in lookup.features -%}
            {%- do columns.append({'name': feature.name, 'type': feature.type, 'source': 'feature',
                'lookup': lookup.name, 'column': feature.column}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{- return(columns) -}}
{% endmacro %}
