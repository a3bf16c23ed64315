{#
  The project's own records, beside its models in the target's schema:

  asof_version        the version of these records, and since when: one row per version that this warehouse came to
  asof_runs           one row per dbt command that builds or tests: when, under which now and moment, whether it ended
  asof_definitions    the compiled SQL of each group and service as of each run that built it
  asof_results        the last result of every model and test, and the run it came from
  asof_moments        what was evaluated: (group, as_of, run), with what it stood on and a checksum of the rows it appended
  asof_known_rows     per moment, how many rows of each event model were known then
  asof_backfills      backfills begun, and when they were completed
  asof_publications   the publication record: one row per (publication, group); follows the pointer. as_of is null where the rows
                      that were served are lost; of kind `lost` nothing but the number is known (accept_loss)
  asof_contracts      each published definition of each service, as its manifest says: what its answers are rebuilt by
  asof_requests       the shim's request log, what parity found of each row, and why a difference was accepted
  asof_accepted       definitions that a person accepted under an unchanged version, with the reason
  asof_equal_definitions  definitions that were accepted over an upgrade, since they give the values of the one before

  and the view asof_counted_moments: the moments that count, since only tested data counts.
#}
{% macro registry(table) %}
    {{- return(api.Relation.create(database=target.database, schema=target.schema, identifier='asof_' ~ table)) -}}
{% endmacro %}

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

{# A SQL literal: null, a number, a boolean or quoted text. #}
{% macro literal(value) %}
    {%- if value is none -%}{{- return('null') -}}
    {%- elif value is boolean -%}{{- return('true' if value else 'false') -}}
    {%- elif value is number -%}{{- return(value | string) -}}
    {%- endif -%}
    {{- return("'" ~ (value | string | replace("'", "''")) ~ "'") -}}
{% endmacro %}

{# Several of them, for `in (...)`. #}
{% macro literals(values) %}
    {%- set found = [] -%}
    {%- for value in values -%}{%- do found.append(asof.literal(value)) -%}{%- endfor -%}
    {{- return(found | join(', ')) -}}
{% endmacro %}

{# `insert into` one of the records; rows is a list of lists. One statement, so all or nothing. #}
{% macro insert_sql(table, rows) -%}
    insert into {{ asof.registry(table) }} values
    {%- for row in rows %}
    ({% for value in row %}{{ asof.literal(value) }}{{ ', ' if not loop.last }}{% endfor %}){{ ',' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{# Several statements, all or none of them. #}
{% macro run_together(statements) %}
    {%- for sql in statements -%}
        {%- call statement('together', auto_begin=true) -%} {{ sql }} {%- endcall -%}
        {%- do asof.fault_point('within_together') -%}
    {%- endfor -%}
    {%- do adapter.commit() -%}
{% endmacro %}

{# The number, id and moment of the last `dbt run` or `dbt build`: {run_number, run_id, kind, as_of}, or none. #}
{% macro last_build() %}
    {%- set found = run_query('select run_number, run_id, kind from ' ~ asof.registry('runs')
        ~ " where command in ('run', 'build') order by run_number desc limit 1").rows -%}
    {{- return({'run_number': found[0][0] | int, 'run_id': found[0][1], 'kind': found[0][2]} if found | length else none) -}}
{% endmacro %}
