{% macro create_registry() %}
    {%- do run_query('create schema if not exists ' ~ asof.records_schema()) -%}
    {%- do asof.require_current_version() -%}
    {%- set time = asof.type_timestamptz() -%}
    {%- set tables = {
        'runs': 'run_number bigint, run_id varchar, command varchar, kind varchar, started_at ' ~ time ~ ', now ' ~ time ~ ', now_injected boolean, as_of '
            ~ time ~ ', finished_at ' ~ time,
        'definitions': 'id varchar, definition varchar, run_id varchar, compiled_sql varchar',
        'results': 'unique_id varchar, resource_type varchar, status varchar, run_number bigint, run_id varchar, tested varchar',
        'moments': 'group_id varchar, as_of ' ~ time ~ ', run_id varchar, kind varchar, published_at ' ~ time
            ~ ', max_age_seconds bigint, definition varchar, points bigint, rows_written bigint, checksum decimal(38, 0), counted_before bigint, started_at ' ~ time
            ~ ', finished_at ' ~ time,
        'known_rows': 'group_id varchar, as_of ' ~ time ~ ', run_id varchar, event_model varchar, known_rows bigint',
        'backfills': 'backfill_id varchar, group_id varchar, from_as_of ' ~ time ~ ', to_as_of ' ~ time
            ~ ', every_seconds bigint, definition varchar, started_at ' ~ time ~ ', completed_at ' ~ time,
        'publications': 'sequence_number bigint, snapshot_id varchar, published_at ' ~ time ~ ', kind varchar, group_id varchar, as_of ' ~ time
            ~ ', run_id varchar, max_age_seconds bigint',
        'requests': 'request_id varchar, row_number integer, logged_at ' ~ time ~ ', service_id varchar, definition varchar, snapshot_id varchar, '
            ~ 'sequence_number bigint, prediction_time ' ~ time ~ ', status varchar, line varchar, '
            ~ 'parity varchar, differences varchar, run_id varchar, accepted varchar, accepted_at ' ~ time,
        'contracts': 'service_id varchar, definition varchar, contract varchar',
        'accepted': 'id varchar, definition varchar, reason varchar, accepted_at ' ~ time,
        'equal_definitions': 'id varchar, definition_before varchar, definition varchar, version bigint, '
            ~ 'compared varchar, accepted_at ' ~ time,
    } -%}
    {%- for name, columns in tables.items() -%}
        {%- do run_query('create table if not exists ' ~ asof.registry(name) ~ ' (' ~ columns ~ ')') -%}
    {%- endfor -%}
    {%- do run_query(asof.counted_moments_sql()) -%}
{% endmacro %}

{% macro counted_moments_sql() %}
    create or replace view {{ asof.registry('counted_moments') }} as
    select moment.*
    from {{ asof.registry('moments') }} as moment
    where
        (
            moment.kind = 'build'
            and exists (
                select 1
                from {{ asof.registry('publications') }} as publication
                where publication.group_id = moment.group_id and publication.run_id = moment.run_id
            )
        )
        or (
            moment.kind = 'backfill'
            and exists (
                select 1
                from {{ asof.registry('backfills') }} as backfill
                where backfill.backfill_id = moment.run_id and backfill.completed_at is not null
            )
        )
{% endmacro %}
