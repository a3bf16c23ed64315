{#
  The whole of a history model, `models/history/<group>_v<n>_history.sql`: the append-only record of the group.
  The materialization of the same name does the work.
#}
{% macro history() %}
    {{- config(materialized='history') -}}
    {%- set group = asof.parse_model_name(model.name, 'history') -%}
    select * from {{ ref(group.name, v=group.version) }}
{% endmacro %}
