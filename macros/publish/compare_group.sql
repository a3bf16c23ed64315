{#
  A group's text as last built against what was recorded, for all entities: {compared, differs}, one of them none.
  Compared are the newest counted moment and up to 30 more, spread evenly over all that may be replayed.
#}
{% macro compare_group(spec) %}
    {%- set sampled_sql %}
        select as_of, points
        from (
            select as_of, points, row_number() over (order by as_of desc) as place, count(*) over () as moments
            from {{ asof.registry('counted_moments') }}
            where {{ asof.may_be_replayed(spec) }}
        ) as eligible
        where place = 1 or mod(place, cast(ceil(moments / 30.0) as bigint)) = 0
    {%- endset -%}
    {%- set moments, ns = [], namespace(points=0) -%}
    {%- for as_of, points in run_query(sampled_sql).rows -%}
        {%- do moments.append(asof.sql_time(asof.time_literal(as_of))) -%}
        {%- set ns.points = ns.points + points | int -%}
    {%- endfor -%}
    {%- if ns.points == 0 -%}
        {{- return({'differs': 'there is no recorded moment to compare it with: none since what was accepted last, '
            ~ 'within the retention of its sources.'}) -}}
    {%- endif -%}
    {%- set differences_sql = asof.group_differences_sql(spec, moments) -%}
    {%- set compared = ns.points ~ ' points at ' ~ moments | length ~ ' recorded moments' -%}
    {%- set count = run_query('select count(*) from (' ~ differences_sql ~ ') as differing').rows[0][0] | int -%}
    {%- if count == 0 -%}{{- return({'compared': compared}) -}}{%- endif -%}
    {%- set few = run_query('select * from (' ~ differences_sql ~ ') as differing order by as_of desc, '
        ~ (spec['keys'] | map(attribute='name') | join(', ')) ~ ' limit 3') -%}
    {{- return({'differs': 'gives other values than were recorded for ' ~ count ~ ' of ' ~ compared ~ ': '
        ~ asof.rows_in_words(few)}) -}}
{% endmacro %}

{# The points of a group, at moments (SQL literals), at which its text as last built differs from what was recorded. #}
{% macro group_differences_sql(spec, moments) -%}
    {%- set keys = spec['keys'] | map(attribute='name') | join(', ') -%}
    with asof_sampled as (
        select as_of
        from {{ asof.registry('counted_moments') }}
        where group_id = '{{ spec.id }}' and as_of in ({{ moments | join(', ') }})
    ),
    -- the source took its rows back of what it forgot: that past cannot come out again
    asof_chosen as (
        select {{ keys }}
        from {{ asof.relation_of(spec.entity) }}
        group by {{ keys }}
        having count(asof_forgotten_in_run) = 0
    ),
    {{ asof.replay_differences_sql(spec, asof.text_in_force(spec.id)) }}
{%- endmacro %}
