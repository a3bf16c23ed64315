{#
  Refuses a project that does not hand on the package's materialized_view, where the engine has none of its own: the
  latest tables are built by it, and dbt takes a built-in name from a package only where the project says so.
#}
{% macro check_latest_materialized() %}
    {{- return(adapter.dispatch('check_latest_materialized', 'asof')()) -}}
{% endmacro %}

{% macro default__check_latest_materialized() %}{% endmacro %}

{% macro duckdb__check_latest_materialized() %}
    {%- if 'materialization_materialized_view_duckdb' not in context.get(project_name, {}) -%}
        {{- asof.refuse('the project has no materialization materialized_view, by which latest tables are built. '
            ~ '`python -m serve new project` writes it; or write macros/materialized_view.sql with the lines\n'
            ~ "{% materialization materialized_view, adapter='duckdb' %}\n"
            ~ '    {{ return(asof.materialization_materialized_view_duckdb()) }}\n{% endmaterialization %}') -}}
    {%- endif -%}
{% endmacro %}
