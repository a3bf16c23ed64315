{#
  The one check of all names that a project declares: models, columns, keys, labels and request columns. What the machinery
  uses inside begins with `asof_`, so no declared name may. What it adds beside declared columns and shows (`status`,
  `run_id`, ...) is reserved where it stands: reserved_names lists all of it, and every message lists what applies.
  Reads the graph only; columns that no YAML declares are checked as a model is built (check_event_columns, observed_spec).
#}
{% macro check_names() %}
    {%- set words, problems = asof.reserved_words(), [] -%}
    {%- for role in ['event', 'entity', 'group', 'examples', 'service'] -%}
        {%- for node in asof.models_of(role) -%}
            {%- set where = asof.yaml_of(node) -%}
            {%- do problems.append(asof.problem_of_name(where, 'the model', node.name, {}, words)) -%}
            {%- set reserved, what = asof.reserved_in(node, role) -%}
            {%- for column in asof.declared_columns(node) -%}
                {%- do problems.append(asof.problem_of_name(where, what ~ node.name ~ ', the column', column.name,
                    asof.reserved_names('label') if column.meta.get('label') else reserved, words)) -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- do asof.refuse_all(problems) -%}
{% endmacro %}

{# What no declared column of a model may be called, and how a message calls the model: [{name: who adds it}, text]. #}
{% macro reserved_in(node, role) %}
    {%- if role == 'entity' -%}{{- return([asof.reserved_names('key'), 'the entity ']) -}}{%- endif -%}
    {%- if role == 'examples' -%}{{- return([asof.reserved_names('request'), 'the examples ']) -}}{%- endif -%}
    {%- if role == 'group' -%}
        {%- set reserved = asof.reserved_names('feature') -%}
        {%- do reserved.update({node.name ~ '_status': "the rows of services hold the group's status under this name"}) -%}
        {{- return([reserved, 'the feature group ']) -}}
    {%- endif -%}
    {{- return([{}, 'the event model ' if role == 'event' else 'the service ']) -}}
{% endmacro %}

{#
  The reserved names, as {name: who uses it}: of a feature, a key, a label, a request column, a column of a service, or a column of an
  observed model. (A service's own are also its keys and labels, and `<alias>_status` of each lookup: check_service_names.)
#}
{% macro reserved_names(of) %}
    {%- set history = {'run_id': 'the history has it beside the features', 'is_tombstone': 'the history has it beside the features'} -%}
    {%- set request = {'row_id': 'it names the request', 'prediction_time': 'it is the time of the request'} -%}
    {%- set training = {'row_id': 'it names the row of the training set'} -%}
    {%- for name in ['prediction_time', 'sequence_number', 'is_backfilled', 'status', 'rejected_columns', 'label_known_at', 'left_out'] -%}
        {%- do training.update({name: 'the training set has it beside the features'}) -%}
    {%- endfor -%}
    {%- set captured = {} -%}
    {%- for name in ['event_id', 'occurred_at', 'known_at', 'is_deleted'] -%}
        {%- do captured.update({name: 'the capture adds it itself'}) -%}
    {%- endfor -%}
    {%- set names = {
        'feature': [history, request],
        'key': [training, history, request, {'as_of': 'it is the moment of a point'}],
        'label': [training],
        'request': [{'left_out': training.left_out}],
        'service': [training],
        'observed': [captured],
    } -%}
    {%- set found = {} -%}
    {%- for some in names[of] -%}{%- do found.update(some) -%}{%- endfor -%}
    {%- if of == 'service' -%}{%- do found.pop('row_id') -%}{%- endif -%}
    {{- return(found) -}}
{% endmacro %}

{#
  What is wrong with a name, in words, or none: it needs quotes, begins with asof_, or is reserved. where: the file. what: what bears
  the name, as in `the entity customers, the column`. reserved: {name: who uses it}. words: reserved_words().
#}
{% macro problem_of_name(where, what, name, reserved, words) %}
    {%- set lowered = name | lower -%}
    {%- if lowered in reserved -%}{%- set why = reserved[lowered] -%}
    {%- elif lowered.startswith('asof_') -%}{%- set why = 'names that begin with asof_ are those that asof uses inside' -%}
    {%- elif lowered in words -%}{%- set why = 'it is a reserved word of SQL, which would need quotes' -%}
    {%- elif not modules.re.match('^[a-z_][a-z0-9_]*$', name) -%}
        {%- set why = 'it would need quotes in SQL: a name is lower-case letters, digits and _, and does not begin with a digit' -%}
    {%- else -%}{{- return(none) -}}
    {%- endif -%}
    {{- return(where ~ ': ' ~ what ~ ' cannot be called ' ~ name ~ ', since ' ~ why ~ '. Call it something else. Reserved here: '
        ~ (reserved.keys() | sort | list + ['all that begins with asof_', 'the reserved words of SQL']) | join(', ') ~ '.') -}}
{% endmacro %}

{#
  What only a whole service shows: its columns must not be called as what its training set has beside them. (That its rows
  hold no two columns of one name is seen by service_spec.)
#}
{% macro check_service_names(spec) %}
    {%- set words, problems = asof.reserved_words(), [] -%}
    {%- set where = asof.yaml_of(spec.node) -%}
    {%- set reserved = asof.reserved_names('service') -%}
    {%- for key in spec['keys'] -%}
        {%- do reserved.update({key.name: 'it is a key, which the training set has beside the features'}) -%}
    {%- endfor -%}
    {%- for label in spec.labels -%}
        {%- do reserved.update({label.name: 'it is a label, which the training set has beside the features'}) -%}
    {%- endfor -%}
    {%- for label in spec.labels if label.name in spec['keys'] | map(attribute='name') -%}
        {%- do problems.append(asof.yaml_of(spec.examples_node) ~ ': ' ~ label.name ~ ' is a key of ' ~ spec.id ~ ', so it cannot be its label. Leave out '
            ~ '`label: true`.') -%}
    {%- endfor -%}
    {%- for group in spec.groups -%}
        {%- do problems.append(asof.problem_of_name(where, spec.id ~ ', the lookup', group.name, {}, words)) -%}
        {%- do reserved.update({group.name ~ '_status': 'the answer has the status of the lookup ' ~ group.name ~ ' under this name'}) -%}
    {%- endfor -%}
    {%- for column in spec.features -%}
        {%- do problems.append(asof.problem_of_name(where, spec.id ~ ', the column', column.name, reserved, words)) -%}
    {%- endfor -%}
    {%- do asof.refuse_all(problems) -%}
{% endmacro %}

{# The YAML file that describes a model, where there is one, else the model's own. #}
{% macro yaml_of(node) %}
    {{- return(node.patch_path.split('://')[1] if node.patch_path else node.original_file_path) -}}
{% endmacro %}
