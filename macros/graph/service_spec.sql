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
            {{- asof.refuse(where ~ ': two columns of the rows of ' ~ id ~ ' are called ' ~ name
                ~ '. Names are unique across the lookups, keys and request columns of a service: call a request '
                ~ 'column request_' ~ name ~ ', or look the group up under an alias (' ~ rows.original_file_path
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

{# The model of a service's training set; none where it is missing, which is refused before anything is built. #}
{% macro training_of(node) %}
    {{- return(asof.model_named(node.name ~ '_v' ~ node.version ~ '_training')) -}}
{% endmacro %}

{# A service by `name` (its latest version) or `name@version`: its spec. #}
{% macro service_named(service) %}
    {%- if '@' in service -%}
        {{- return(asof.service_spec(service.split('@')[0], service.split('@')[1])) -}}
    {%- endif -%}
    {%- for node in asof.models_of('service') if node.name == service -%}
        {{- return(asof.service_spec(service, node.latest_version)) -}}
    {%- endfor -%}
    {{- asof.refuse('there is no service ' ~ service ~ ' in models/services. There are: ' ~ asof.ids_of('service')
        ~ '.') -}}
{% endmacro %}
