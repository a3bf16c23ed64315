{#
  DuckDB has no materialized views: there the latest tables are tables, rebuilt by each run. On an engine that has them
  (PostgreSQL), the native materialization of that name applies.
#}
{% materialization materialized_view, adapter='duckdb' %}
    {{ return(dbt.materialization_table_duckdb()) }}
{% endmaterialization %}
