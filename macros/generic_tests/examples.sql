{#
  Examples: row_id unique, keys and prediction_time never null, nothing asked after now, and no request that the API
  would have refused (a required request column null, NaN).
#}
{% test examples(model) %}
    {%- if execute -%}
    {%- set node = asof.tested_node() -%}
    {%- set checks = asof.example_checks(model, asof.cutoff(asof.clock_relation())) -%}
    {%- for rows_node in asof.models_of('rows') if rows_node.config.meta.asof_examples == node.name -%}
        {%- set service = asof.parse_model_name(rows_node.name, 'rows') -%}
        {%- do checks.extend(asof.request_checks(model, asof.service_spec(service.name, service.version))) -%}
    {%- endfor -%}
    {{ asof.problems(checks) }}
    {%- endif -%}
{% endtest %}

{# What holds of all examples, asked before `now` (a SQL expression). #}
{% macro example_checks(relation, now) %}
    {{- return([
        {'rule': 'row_id is null or not unique', 'sql': 'select row_id from ' ~ relation ~ ' group by row_id having row_id is null or count(*) > 1'},
        {'rule': 'prediction_time is null', 'sql': 'select row_id from ' ~ relation ~ ' where prediction_time is null'},
        {'rule': 'asked at or after the moment of this run (end the examples by asof.cutoff())',
         'sql': 'select row_id from ' ~ relation ~ ' where prediction_time >= ' ~ now},
    ]) -}}
{% endmacro %}

{# What holds of the keys and request columns that a service takes. #}
{% macro request_checks(relation, spec) %}
    {%- set checks = [] -%}
    {%- for column in spec['keys'] -%}
        {%- do checks.append({'rule': 'the key ' ~ column.name ~ ' is null', 'sql': 'select row_id from ' ~ relation ~ ' where ' ~ column.name ~ ' is null'}) -%}
    {%- endfor -%}
    {%- for column in spec.request if not column.meta.get('optional', false) -%}
        {%- do checks.append({'rule': 'the request column ' ~ column.name ~ ' is null, which ' ~ spec.id ~ ' would refuse (declare it optional, or leave the rows out)',
            'sql': 'select row_id from ' ~ relation ~ ' where ' ~ column.name ~ ' is null'}) -%}
    {%- endfor -%}
    {{- return(checks + asof.column_checks(relation, spec.request)) -}}
{% endmacro %}
