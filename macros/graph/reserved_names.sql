{#
  The reserved names, as {name: who uses it}: of a feature, a key, a label, a request column, a column of a service,
  or a column of an observed model. (A service's own are also its keys and labels, and `<alias>_status` of each
  lookup: check_service_names.)
#}
{% macro reserved_names(of) %}
    {%- set history = {'run_id': 'the history has it beside the features', 'is_tombstone': 'the history has it '
        ~ 'beside the features'} -%}
    {%- set request = {'row_id': 'it names the request', 'prediction_time': 'it is the time of the request'} -%}
    {%- set training = {'row_id': 'it names the row of the training set'} -%}
    {%- for name in ['prediction_time', 'sequence_number', 'is_backfilled', 'status', 'rejected_columns',
        'label_known_at', 'left_out'] -%}
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

{# What no declared column of a model may be called, and how a message calls the model: [{name: who adds it}, text]. #}
{% macro reserved_in(node, role) %}
    {%- if role == 'entity' -%}{{- return([asof.reserved_names('key'), 'the entity ']) -}}{%- endif -%}
    {%- if role == 'examples' -%}{{- return([asof.reserved_names('request'), 'the examples ']) -}}{%- endif -%}
    {%- if role == 'group' -%}
        {%- set reserved = asof.reserved_names('feature') -%}
        {%- do reserved.update({node.name ~ '_status': "the rows of services hold the group's status under this "
            ~ "name"}) -%}
        {{- return([reserved, 'the feature group ']) -}}
    {%- endif -%}
    {{- return([{}, 'the event model ' if role == 'event' else 'the service ']) -}}
{% endmacro %}
