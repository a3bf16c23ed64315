{#
  How an engine that hands over runs, where it has no session of `asof build` (asof/engine.py) beside dbt's own. A
  dispatch each, which does nothing, or what PostgreSQL does, by default.
#}

{# Before the first model. tables: (relation, name) of each table that is filled from what `asof build` put there. #}
{% macro begin_engine_run(tables) %}{{ return(adapter.dispatch('begin_engine_run', 'asof')(tables)) }}{% endmacro %}

{% macro default__begin_engine_run(tables) %}{% endmacro %}

{# After the last one. built: (relation, role) of each model and seed that was built. #}
{% macro end_engine_run(built) %}{{ return(adapter.dispatch('end_engine_run', 'asof')(built)) }}{% endmacro %}

{% macro default__end_engine_run(built) %}{% endmacro %}

{# The materialization of a feature group. #}
{% macro make_group_view() %}{{ return(adapter.dispatch('make_group_view', 'asof')()) }}{% endmacro %}

{% macro default__make_group_view() %}{{ return(dbt.materialization_view_default()) }}{% endmacro %}

{# Whether a table can be emptied and filled in one transaction, as the materialization of entities does. #}
{% macro has_transactions() %}{{ return(adapter.dispatch('has_transactions', 'asof')()) }}{% endmacro %}

{% macro default__has_transactions() %}{{ return(true) }}{% endmacro %}

{# That materialization, where it cannot. declared: the name by which lives_sql reads declared_sql. #}
{% macro make_entity_table(declared, declared_sql, lives_sql) %}
    {{- return(adapter.dispatch('make_entity_table', 'asof')(declared, declared_sql, lives_sql)) -}}
{% endmacro %}

{% macro default__make_entity_table() %}{{ asof.lacks('make_entity_table', varargs, kwargs) }}{% endmacro %}
