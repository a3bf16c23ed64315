{#
  The whole of a training model, `models/training/<service>_v<n>_training.sql`: the answers to the examples beside their
  labels, joined on row_id. Rejected rows and labels not known by the cut-off (the run's moment, or an earlier
  asof_training_cutoff) are left out; the build counts them.
#}
{% macro training() %}
    {{- config(materialized='table') -}}
    {%- set service = asof.parse_model_name(model.name, 'training') -%}
    {%- set service_relation = ref(service.name, v=service.version) -%}
    {%- set rows_relation = ref(service.base ~ '_rows') -%}
    {%- set cutoff = asof.cutoff() -%}
    {%- if execute -%}
        {%- set spec = asof.service_spec(service.name, service.version) -%}
    with asof_answers as (
        {{ asof.answer_sql(spec, service_relation, rows_relation) }}
    )
    {%- set examples = asof.relation_of(spec.examples_node) %}
    {{ asof.training_columns_sql(spec, 'asof_answers', rows_relation, examples, asof.lost_examples(spec, examples)) }}
    where {{ asof.left_out(cutoff) }} is null
    {%- endif -%}
{% endmacro %}
