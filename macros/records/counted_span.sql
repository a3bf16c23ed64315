{# {moments, first, last} of a group's counted moments; times as literals, none where there are none. #}
{% macro counted_span(group_id) %}
    {%- set sql -%}
        select count(*), min(as_of), max(as_of)
        from {{ asof.registry('counted_moments') }}
        where group_id = '{{ group_id }}'
    {%- endset -%}
    {%- set row = run_query(sql).rows[0] -%}
    {{- return({'moments': row[0] | int, 'first': asof.time_literal(row[1]) if row[1] else none,
        'last': asof.time_literal(row[2]) if row[2] else none}) -}}
{% endmacro %}

{# Whether what a group reads was last built with --empty: its views hold nothing then. #}
{% macro is_emptied(spec) %}
    {%- set ids = [asof.literal(spec.entity.unique_id)] -%}
    {%- for event in spec.events -%}{%- do ids.append(asof.literal(event.unique_id)) -%}{%- endfor -%}
    {%- set sql -%}
        select count(*)
        from {{ asof.registry('results') }} as result
        inner join {{ asof.registry('runs') }} as run on run.run_id = result.run_id
        where run.kind = 'empty' and result.unique_id in ({{ ids | join(', ') }})
    {%- endset -%}
    {{- return(run_query(sql).rows[0][0] > 0) -}}
{% endmacro %}

{#
  The backfilled moments of a group that stand for publications: since when (published_at), and the best as_of by
  then.
#}
{% macro backfilled_moments_sql(group_id) %}
        -- the best backfilled moment to stand for a publication by then;
        -- the lag may have been declared anew between backfills
        select published_at, max(as_of) over (order by published_at) as as_of, max_age_seconds
        from (
            select published_at, max(as_of) as as_of, max(max_age_seconds) as max_age_seconds
            from {{ asof.registry('counted_moments') }}
            where group_id = '{{ group_id }}' and kind = 'backfill'
            group by published_at
        ) as moment
{%- endmacro %}
