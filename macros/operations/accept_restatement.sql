{#
  `dbt run-operation accept_restatement --args '{group: shipment@1, reason: "the carrier sent January anew"}'`: what
  was recorded of a group until now need not come out again. It stays recorded, since it was served; replay starts
  after it.
#}
{% macro accept_restatement(group, reason) %}
    {%- if not execute -%}{{- return('') -}}{%- endif -%}
    {%- do asof.open_records() -%}
    {%- set name, version = (group ~ '@').split('@')[:2] -%}
    {%- set spec = asof.group_spec(name, version) -%}
    {%- do run_query(asof.insert_sql('accepted', [[spec.id, 'restatement', reason, asof.wall_clock()]])) -%}
    {%- do asof.say('accepted that past points of ' ~ spec.id ~ ' come out differently now: ' ~ reason) -%}
{% endmacro %}
