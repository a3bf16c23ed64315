{#
  What `dbt source freshness` measures by: dbt's own, but under an injected now (`ASOF_NOW`) it is as old as it was
  then, and rows that were loaded later are not there yet.
#}
{% macro collect_freshness(source, loaded_at_field, filter) %}
    {%- if not asof.now_is_injected() -%}
        {{- return(dbt.collect_freshness(source, loaded_at_field, filter)) -}}
    {%- endif -%}
    {%- set now = asof.sql_time(asof.now()) -%}
    {%- call statement('collect_freshness', fetch_result=true, auto_begin=false) %}
        select max({{ loaded_at_field }}) as max_loaded_at, {{ now }} as snapshotted_at
        from {{ source }}
        where {{ loaded_at_field }} <= {{ now }} {{ 'and (' ~ filter ~ ')' if filter }}
    {% endcall -%}
    {{- return(load_result('collect_freshness')) -}}
{% endmacro %}
