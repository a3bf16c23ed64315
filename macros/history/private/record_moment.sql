{#
  Records one moment of a group in one transaction and returns the number of rows appended. What a backfill's moment
  evaluated stays in a temporary table, since the next one compares with just that: reading the history for it would
  cost more with every moment. What needs no answer between goes in one statement, for the sake of backfills of
  thousands. Errors: values that no answer can hold; anything but exactly one row per point. Tombstones come from
  points only, so a group that loses rows (an inner join, a filter) must never pass for entities that went.
#}
{% macro record_moment(spec, plan, moment) %}
    {%- set started = asof.wall_clock() -%}
    {%- set at = asof.sql_time(moment) -%}
    {%- set current, previous, changes = 'asof_current_' ~ spec.base, 'asof_previous_' ~ spec.base, 'asof_changes_'
        ~ spec.base -%}
    {%- set key_names = spec['keys'] | map(attribute='name') | list -%}

    {%- call statement('evaluate', fetch_result=true, auto_begin=true) -%}
        create temporary table {{ current }} as
        {{ asof.group_at_sql(spec, plan, at) }};
        {{ asof.rows_and_points_sql(spec, at, current) }}
    {%- endcall -%}
    {%- set points = asof.check_points(spec, moment, load_result('evaluate').table.rows[0]) -%}
    {%- set rules = asof.finite_rules(spec['keys'] + spec.features) -%}
    {%- if rules -%}
        {%- do asof.refuse_problems(asof.value_checks(current, rules), spec.id ~ ' (' ~ spec.node.original_file_path
            ~ ') at ' ~ moment ~ ' gives what no answer can hold, so nothing was recorded') -%}
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
    {%- set published_at = asof.time_literal(
        asof.as_datetime(moment) + modules.datetime.timedelta(seconds=asof.publish_lag_seconds()))
        if plan.kind == 'backfill' else none -%}
    {%- call statement('moment') -%}
        {{ asof.insert_sql('moments', [[spec.id, moment, plan.run_id, plan.kind, published_at, spec.max_age_seconds,
            plan.definition, points, rows | int, checksum, plan.counted_before, started, asof.wall_clock(),
            spec.entity.name]]) }};
        {%- for event in spec.events %}
        {%- set known = asof.handed_over_known(event, moment) %}
        insert into {{ asof.registry('known_rows') }}
        select '{{ spec.id }}', {{ at }}, '{{ plan.run_id }}', '{{ event.name }}',
        {%- if known is none %} count(*)
        from {{ asof.event_relation(spec.node, event) }}
        where known_at <= {{ at }};
        {%- if plan.since %}
        {{ asof.insert_due_rows_sql(spec, event, plan, at) }};
        {%- endif %}
        {%- else %} {{ known.rows }};
        {%- endif %}
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
