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

{#
  Whether the record `moments` or `publications` has a run of a group. A group's moment and rows are written in one
  transaction, so a run whose moment is on record is held by this warehouse. is_lost: whether it has it as lost.
#}
{% macro has_run(record, group_id, run_id, is_lost=false) %}
    {%- set sql -%}
        select count(*)
        from {{ asof.registry(record) }}
        where
            group_id = {{ asof.literal(group_id) }}
            and run_id = {{ asof.literal(run_id) }}
            {{ 'and as_of is null' if is_lost }}
    {%- endset -%}
    {{- return(run_query(sql).rows[0][0] > 0) -}}
{% endmacro %}
