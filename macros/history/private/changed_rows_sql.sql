{#
  Inserts into `changes` the rows a moment appends: appeared or changed, then gone. Portable SQL. previous: the table
  of what this run evaluated at the moment before, or none where the last rows are to be read from the history.
#}
{% macro changed_rows_sql(spec, plan, at, current, previous, changes) -%}
    {%- set key_names = spec['keys'] | map(attribute='name') | list -%}
    {%- set feature_names = spec.features | map(attribute='name') | list %}
    insert into {{ changes }} ({{ (key_names + ['as_of', 'run_id', 'is_tombstone'] + feature_names) | join(', ') }})
    with last_row as (
        {%- if previous is not none %}
        select * from {{ previous }}
        {%- else %}
        select *
        from (
            select
                history.*,
                row_number() over (partition by {{ key_names | join(', ') }} order by as_of desc) as asof_recency
            from {{ spec.history }} as history
            where
                as_of < {{ at }}
                and (
                    run_id = '{{ plan.run_id }}'
                    or run_id in (
                        select run_id from {{ asof.registry('counted_moments') }} where group_id = '{{ spec.id }}'
                    )
                )
        ) as ranked
        where asof_recency = 1 and not is_tombstone
        {%- endif %}
    )
    select
        {% for key in key_names %}now_.{{ key }}, {% endfor %}{{ at }}, '{{ plan.run_id }}', false
        {%- for feature in feature_names %}, now_.{{ feature }}{% endfor %}
    from {{ current }} as now_
    left join last_row on {{ asof.same_keys('last_row', 'now_', key_names) }}
    where
        last_row.{{ key_names[0] }} is null
        {%- for feature in feature_names %}
        or now_.{{ feature }} is distinct from last_row.{{ feature }}
        {%- endfor %}
    union all
    select
        {% for key in key_names %}last_row.{{ key }}, {% endfor %}{{ at }}, '{{ plan.run_id }}', true
        {%- for feature in spec.features %}, cast(null as {{ feature.type }}){% endfor %}
    from last_row
    left join {{ current }} as now_ on {{ asof.same_keys('now_', 'last_row', key_names) }}
    where now_.{{ key_names[0] }} is null
{%- endmacro %}
