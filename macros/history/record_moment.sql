{#
  Records one moment of a group in one transaction and returns the number of rows appended. What a backfill's moment
  evaluated stays in a temporary table, since the next one compares with just that: reading the history for it would cost
  more with every moment. What needs no answer between goes in one statement, for the sake of backfills of thousands.
  Errors: values that no answer can hold; anything but exactly one row per point. Tombstones come from points only, so a group that loses rows (an
  inner join, a filter) must never pass for entities that went.
#}
{% macro record_moment(spec, plan, moment) %}
    {%- set started = asof.wall_clock() -%}
    {%- set at = asof.sql_time(moment) -%}
    {%- set current, previous, changes = 'asof_current_' ~ spec.base, 'asof_previous_' ~ spec.base, 'asof_changes_' ~ spec.base -%}
    {%- set key_names = spec['keys'] | map(attribute='name') | list -%}

    {%- call statement('evaluate', fetch_result=true, auto_begin=true) -%}
        create temporary table {{ current }} as
        {{ asof.group_at_sql(spec, plan, at) }};
        {{ asof.rows_and_points_sql(spec, at, current) }}
    {%- endcall -%}
    {%- set points = asof.check_points(spec, moment, load_result('evaluate').table.rows[0]) -%}
    {%- set rules = asof.finite_rules(spec['keys'] + spec.features) -%}
    {%- if rules -%}
        {%- do asof.refuse_problems(asof.value_checks(current, rules), spec.id ~ ' (' ~ spec.node.original_file_path ~ ') at ' ~ moment
            ~ ' gives what no answer can hold, so nothing was recorded') -%}
    {%- endif -%}
    {%- do asof.fault_point('before_history') -%}
    {%- call statement('append', fetch_result=true) -%}
        -- of the history's own types: what is summed up is what is kept
        create temporary table {{ changes }} as select * from {{ spec.history }} where false;
        {{ asof.changed_rows_sql(spec, plan, at, current, previous if plan.previous_is_kept else none, changes) }};
        insert into {{ spec.history }} select * from {{ changes }};
        select count(*), {{ asof.history_checksum(spec) }} from {{ changes }}
    {%- endcall -%}
    {%- set rows, checksum = load_result('append').table.rows[0].values() -%}
    {%- do asof.fault_point('after_history') -%}
    {%- set published_at = asof.time_literal(asof.as_datetime(moment) + modules.datetime.timedelta(seconds=asof.publish_lag_seconds()))
        if plan.kind == 'backfill' else none -%}
    {%- call statement('moment') -%}
        {{ asof.insert_sql('moments', [[spec.id, moment, plan.run_id, plan.kind, published_at, spec.max_age_seconds,
            plan.definition, points, rows | int, checksum, plan.counted_before, started, asof.wall_clock()]]) }};
        {%- for event in spec.events %}
        insert into {{ asof.registry('known_rows') }}
        select '{{ spec.id }}', {{ at }}, '{{ plan.run_id }}', '{{ event.name }}', count(*)
        from {{ asof.event_relation(spec.node, event) }}
        where known_at <= {{ at }};
        {%- endfor %}
        drop table {{ changes }};
        drop table if exists {{ previous }};
        alter table {{ current }} rename to {{ previous }}
    {%- endcall -%}
    {%- do asof.fault_point('before_commit') -%}
    {%- do adapter.commit() -%}
    {%- do plan.update({'previous_is_kept': plan.kind == 'backfill'}) -%}
    {%- do asof.fault_point('after_moment') -%}
    {{- return(rows | int) -}}
{% endmacro %}

{# The features of a group as they are recorded, for a select list. #}
{% macro recorded_features(spec) %}
    {%- set selected = [] -%}
    {%- for feature in spec.features -%}
        {%- do selected.append(asof.unsigned_zero(feature.name, feature.type) ~ ' as ' ~ feature.name) -%}
    {%- endfor -%}
    {{- return(selected) -}}
{% endmacro %}

{#
  The keys and features of a group at a moment: its view's rows, or where the clock does not hold the moment, what its text
  gives with the moment in place of the clock.
#}
{% macro group_at_sql(spec, plan, at) -%}
    {%- set keys = spec['keys'] | map(attribute='name') | list -%}
    {%- if not plan.evaluated_sql -%}
        select {{ (keys + asof.recorded_features(spec)) | join(', ') }}
        from {{ asof.relation_of(spec.node) }}
        where as_of = {{ at }}
    {%- else -%}
        with {{ asof.evaluated_again_sql(spec, plan.evaluated_sql, 'select ' ~ at ~ ' as as_of',
            'select * from ' ~ asof.relation_of(spec.entity)) }}
        select {{ (keys + spec.features | map(attribute='name') | list) | join(', ') }} from asof_again
    {%- endif -%}
{%- endmacro %}

{#
  Inserts into `changes` the rows a moment appends: appeared or changed, then gone. Portable SQL. previous: the table of what
  this run evaluated at the moment before, or none where the last rows are to be read from the history.
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

{# One row: how many rows, keys in them, points, points without a row, and keys that are no point. #}
{% macro rows_and_points_sql(spec, at, current) -%}
    {%- set names = spec['keys'] | map(attribute='name') | join(', ') -%}
    select
        coalesce(sum(asof_rows), 0),
        count(*) filter (where asof_rows > 0),
        coalesce(sum(asof_points), 0),
        count(*) filter (where asof_rows = 0),
        count(*) filter (where asof_points = 0)
    from (
        select {{ names }}, sum(asof_is_row) as asof_rows, sum(asof_is_point) as asof_points
        from (
            select {{ names }}, 1 as asof_is_row, 0 as asof_is_point from {{ current }}
            union all
            select {{ names }}, 0, 1 from {{ asof.relation_of(spec.entity) }} as entity where {{ asof.is_point('entity', at) }}
        ) as either
        group by {{ names }}
    ) as per_key
{%- endmacro %}

{# Refuses a moment whose rows are not exactly its points, by what rows_and_points_sql found; returns the number of points. #}
{% macro check_points(spec, moment, found) %}
    {%- set rows, distinct_keys, points, missing, strange = found[0] | int, found[1] | int, found[2] | int, found[3] | int, found[4] | int -%}
    {%- if rows != points or distinct_keys != rows or missing or strange -%}
        {{- asof.refuse(spec.id ~ ' returned ' ~ rows ~ ' rows for the ' ~ points ~ ' points of ' ~ spec.entity.name ~ ' at ' ~ moment ~ ': '
            ~ missing ~ ' points without a row, ' ~ strange ~ ' rows that are no point, ' ~ (rows - distinct_keys) ~ ' rows too many. A group returns '
            ~ 'exactly one row per point: take points first, only left-join to them, and group by the keys and as_of. (After --empty, build its '
            ~ 'view again: dbt run -s +' ~ spec.history_node.name ~ '.) Nothing was recorded. See ' ~ spec.node.original_file_path ~ '.') -}}
    {%- endif -%}
    {{- return(points) -}}
{% endmacro %}
