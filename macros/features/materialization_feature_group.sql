{#
  A feature group: a view with the logic, and its compiled text on record. Refuses, by the engine's own parser, what
  its text must not hold (see check_parsed_sql, check_row_order and check_types).
#}
{% materialization feature_group, default %}
    {%- do asof.check_parents_are_built(model) -%}
    {%- set own_sql = asof.without_ephemeral(model, compiled_code) -%}
    {%- do asof.check_parsed_sql(model, own_sql, 'feature group') -%}
    {%- do asof.create_event_views(model) -%}
    {%- do asof.check_row_order(model, own_sql) -%}
    {%- do asof.check_built_group(asof.group_spec_of(graph.nodes[model.unique_id]), compiled_code) -%}
    {%- do asof.record_definition(model, own_sql) -%}
    {{ return(dbt.materialization_view_default()) }}
{% endmaterialization %}
