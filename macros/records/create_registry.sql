{# Makes the records that are not there yet, as records.yml declares them. #}
{% macro create_registry() %}
    {%- do run_query('create schema if not exists ' ~ asof.records_schema()) -%}
    {%- do asof.require_current_version() -%}
    {%- set records = graph.sources.values() | selectattr('package_name', 'equalto', 'asof')
        | selectattr('source_name', 'equalto', 'asof') | list -%}
    {%- if not records -%}
        {{- asof.refuse('the sources of the package asof are disabled, and its records are made of them. Add to '
            ~ 'dbt_project.yml `sources: {asof: {+enabled: true}}`.') -}}
    {%- endif -%}
    {%- set there = asof.tables_there() -%}
    {#- the version is there by now, and the moments that count are a view -#}
    {%- for record in records if record.name not in there + ['asof_version', 'asof_counted_moments'] -%}
        {%- do run_query(asof.create_record_sql(record)) -%}
    {%- endfor -%}
    {%- do run_query(asof.counted_moments_sql()) -%}
{% endmacro %}

{# record: a source of records.yml. #}
{% macro create_record_sql(record) %}
    create table if not exists {{ asof.registry(record.name | replace('asof_', '', 1)) }} (
        {%- for column in record.columns.values() %}
        {{ column.name }} {{ asof.type_timestamptz() if column.data_type == 'timestamptz' else column.data_type }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    )
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
