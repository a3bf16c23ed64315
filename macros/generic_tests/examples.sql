{#
  Examples: row_id unique, keys and prediction_time never null, nothing asked after now, and no request that the API
  would have refused (see asof.request_rules). That they are of the declared types is checked where rows are made of them.
#}
{% test examples(model) %}
    {%- if execute -%}
    {%- set node = asof.tested_node() -%}
    {%- set checks = asof.example_checks(model, asof.cutoff(asof.clock_relation())) -%}
    {%- for rows_node in asof.models_of('rows') if rows_node.config.meta.asof_examples == node.name -%}
        {%- set service = asof.parse_model_name(rows_node.name, 'rows') -%}
        {%- set spec = asof.service_spec(service.name, service.version) -%}
        {%- do checks.extend(asof.request_checks(model, spec) + asof.label_checks(model, spec)) -%}
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

{# Checks that the API would take the keys and request columns of all examples of a service. #}
{% macro request_checks(relation, spec) %}
    {%- set checks = [] -%}
    {%- for each in asof.request_rules(spec['keys'], spec.request) -%}
        {%- do checks.append({'rule': each.rule ~ ', which ' ~ spec.id ~ ' would refuse',
            'sql': 'select row_id from ' ~ relation ~ ' where ' ~ each.broken}) -%}
    {%- endfor -%}
    {{- return(checks + asof.null_rate_checks(relation, spec.request)) -}}
{% endmacro %}

{# Checks that labels hold times that can be read back: a DataFrame would have the last day there is for infinity. #}
{% macro label_checks(relation, spec) %}
    {%- set times = spec.labels | selectattr('type', 'in', ['date', 'timestamptz']) | list -%}
    {{- return(asof.value_checks(relation, asof.finite_rules(times))) -}}
{% endmacro %}
