{#
  The end of a statement whose common table expressions `asof_chosen` (keys) and `asof_sampled` (as_of) say which
  points are meant: those of them for which a group's compiled SQL gives other values than were recorded, with both as
  text.
#}
{% macro replay_differences_sql(spec, compiled_sql) -%}
    {%- set keys = spec['keys'] | map(attribute='name') | list -%}
    {%- set features = spec.features | map(attribute='name') | list -%}
        {{- asof.evaluated_again_sql(spec, compiled_sql, 'select as_of from asof_sampled',
            'select entity.* from ' ~ asof.relation_of(spec.entity) ~ ' as entity inner join asof_chosen on '
                ~ asof.same_keys('asof_chosen', 'entity', keys)) }},
        asof_counted as (
            select *
            from {{ spec.history }}
            where run_id in (select run_id from {{ asof.registry('counted_moments') }} where group_id = '{{ spec.id }}')
        ),
        asof_recorded as (
            select {% for key in keys %}history.{{ key }}, {% endfor %}moment.as_of, history.is_tombstone
                {%- for name in features %}, history.{{ name }}{% endfor %}
            from (select asof_chosen.*, clock.as_of from asof_chosen cross join asof_sampled as clock) as moment
            {{ asof.asof_left_join('asof_counted', 'history', 'moment.as_of', 'history.as_of',
                [asof.same_keys('history', 'moment', keys)]) }}
        )
        select
            {% for key in keys %}coalesce(was.{{ key }}, now_.{{ key }}) as {{ key }}, {% endfor %}
            coalesce(was.as_of, now_.as_of) as as_of,
            {%- for name in features %}
            case when was.{{ name }} is distinct from now_.{{ name }} then
                coalesce(cast(was.{{ name }} as varchar), 'null') || ' was recorded, '
                || coalesce(cast(now_.{{ name }} as varchar), 'null') || ' comes out now'
            end as {{ name }}{{ ',' if not loop.last }}
            {%- endfor %}
        from (select * from asof_recorded where not is_tombstone) as was
        full join asof_again as now_ on {{ asof.same_keys('now_', 'was', keys) }} and now_.as_of = was.as_of
        where
            was.as_of is null
            or now_.as_of is null
            {%- for name in features %}
            or was.{{ name }} is distinct from now_.{{ name }}
            {%- endfor %}
{%- endmacro %}
