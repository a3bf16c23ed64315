{#
  Examples: row_id unique, keys and prediction_time never null, nothing asked after now, and no request that the API
  would have refused (see asof.request_rules). That they are of the declared types is checked where rows are made of
  them.
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
