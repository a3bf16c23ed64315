{# What holds of all examples, asked before `now` (a SQL expression). #}
{% macro example_checks(relation, now) %}
    {%- set repeated -%}
        select row_id
        from {{ relation }}
        group by row_id
        having row_id is null or count(*) > 1
    {%- endset -%}
    {{- return([
        {'rule': 'row_id is null or not unique', 'sql': repeated},
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
