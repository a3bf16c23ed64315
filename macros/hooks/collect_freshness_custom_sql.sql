{#
  What `dbt source freshness` measures a `loaded_at_query` by: dbt's own, but under an injected now (`ASOF_NOW`) it is
  as old as it was then. The query itself leaves out what was loaded after `asof.now()`.
#}
{% macro collect_freshness_custom_sql(source, loaded_at_query) %}
    {%- if not asof.now_is_injected() -%}
        {{- return(dbt.collect_freshness_custom_sql(source, loaded_at_query)) -}}
    {%- endif -%}
    {%- call statement('collect_freshness_custom_sql', fetch_result=true, auto_begin=false) %}
        select ({{ loaded_at_query }}) as max_loaded_at, {{ asof.sql_time(asof.now()) }} as snapshotted_at
    {% endcall -%}
    {{- return(load_result('collect_freshness_custom_sql')) -}}
{% endmacro %}
