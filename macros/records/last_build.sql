{# The number, id and moment of the last `dbt run` or `dbt build`: {run_number, run_id, kind, as_of}, or none. #}
{% macro last_build() %}
    {%- set sql -%}
        select run_number, run_id, kind
        from {{ asof.registry('runs') }}
        where command in ('run', 'build')
        order by run_number desc
        limit 1
    {%- endset -%}
    {%- set found = run_query(sql).rows -%}
    {{- return({'run_number': found[0][0] | int, 'run_id': found[0][1], 'kind': found[0][2]} if found | length
        else none) -}}
{% endmacro %}

{# Whether this warehouse holds what a run recorded of a group (its moment and rows are written in one transaction).
#}
{% macro holds_run(group_id, run_id) %}
    {%- set sql -%}
        select count(*)
        from {{ asof.registry('moments') }}
        where group_id = {{ asof.literal(group_id) }} and run_id = {{ asof.literal(run_id) }}
    {%- endset -%}
    {{- return(run_query(sql).rows[0][0] > 0) -}}
{% endmacro %}

{# Whether the record has what a run served of a group as lost. #}
{% macro is_recorded_as_lost(group_id, run_id) %}
    {%- set sql %}
        select count(*)
        from {{ asof.registry('publications') }}
        where as_of is null and group_id = {{ asof.literal(group_id) }} and run_id = {{ asof.literal(run_id) }}
    {%- endset -%}
    {{- return(run_query(sql).rows[0][0] > 0) -}}
{% endmacro %}

{% macro is_published_run(group_id, run_id) %}
    {%- set sql -%}
        select count(*)
        from {{ asof.registry('publications') }}
        where group_id = {{ asof.literal(group_id) }} and run_id = {{ asof.literal(run_id) }}
    {%- endset -%}
    {{- return(run_query(sql).rows[0][0] > 0) -}}
{% endmacro %}
