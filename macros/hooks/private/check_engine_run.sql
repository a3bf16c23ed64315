{#
  Before a run on an engine that hands over: the session, and what the graph shows to be against the rules. Then the
  tables that it starts from, where dbt fills them.
#}
{% macro check_engine_run() %}
    {%- do asof.check_session() -%}
    {%- do asof.check_project() -%}
    {%- set tables = [(asof.clock_relation(), 'clock')] -%}
    {%- for node in asof.models_of('entity') -%}
        {%- for table, name in [('asof_run', 'run'), ('asof_lives_' ~ node.name, 'lives_' ~ node.name)] -%}
            {%- do tables.append((api.Relation.create(database=node.database or none, schema=node.schema,
                identifier=table), name)) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- do asof.begin_engine_run(tables) -%}
{% endmacro %}

{# After it. results: dbt's. #}
{% macro finish_engine_run(results) %}
    {%- set built = [] -%}
    {%- for result in results if result.status == 'success' and result.node.resource_type in ['model', 'seed'] -%}
        {%- do built.append((asof.relation_of(result.node), asof.role(result.node))) -%}
    {%- endfor -%}
    {%- do asof.end_engine_run(built) -%}
{% endmacro %}
