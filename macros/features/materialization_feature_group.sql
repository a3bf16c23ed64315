{#
  A feature group: a view with the logic, and its compiled text on record. Refuses, by the engine's own parser, what
  its text must not hold (see check_parsed_sql, check_row_order and check_types).
#}
{% materialization feature_group, default %}
    {#- an engine that hands over: DuckDB checks and records the text -#}
    {%- if not asof.holds_records() -%}{{- return(asof.make_group_view()) -}}{%- endif -%}
    {%- do asof.check_parents_are_built(model) -%}
    {%- set own_sql = asof.without_ephemeral(model, compiled_code) -%}
    {%- do asof.check_parsed_sql(model, own_sql, 'feature group') -%}
    {%- do asof.create_event_views(model) -%}
    {%- do asof.check_row_order(model, own_sql) -%}
    {%- do asof.check_built_group(asof.group_spec_of(graph.nodes[model.unique_id]), compiled_code) -%}
    {%- do asof.record_definition(model, own_sql) -%}
    {%- set handed_over = asof.handed_over_sql(graph.nodes[model.unique_id]) -%}
    {%- if handed_over is none -%}{{- return(dbt.materialization_view_default()) -}}{%- endif -%}
    {{ return(asof.view_of(handed_over)) }}
{% endmaterialization %}

{# What the view materialization does, over rows that another engine handed over instead of the model's own SQL. #}
{% macro view_of(query) %}
    {%- set relation = this.incorporate(type='view') -%}
    {{ run_hooks(pre_hooks) }}
    {%- call statement('main', auto_begin=true) -%}
        create or replace view {{ relation }} as {{ query }}
    {%- endcall -%}
    {%- do adapter.commit() -%}
    {{ run_hooks(post_hooks) }}
    {%- do persist_docs(relation, model) -%}
    {{- return({'relations': [relation]}) -}}
{% endmacro %}
