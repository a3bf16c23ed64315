{# dbt takes a built-in name from a package only where the project says so. #}
{% materialization materialized_view, adapter='duckdb' %}
    {{ return(asof.materialization_materialized_view_duckdb()) }}
{% endmaterialization %}
