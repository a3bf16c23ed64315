{#
  The version of what this package writes down and reads again: the records, the manifests and the pointer (their
  `format`). It is one number for all of them. What was written before there was a version is version 1.
  upgrade_records.sql says what each version changed, and brings older records along.
#}
{% macro current_version() %}{{ return(4) }}{% endmacro %}

{# The version of the records in this warehouse; none where it has no records yet. #}
{% macro recorded_version() %}
    {%- set there = asof.tables_there() -%}
    {%- if 'asof_version' in there -%}
        {{- return(run_query('select max(version) from ' ~ asof.registry('version')).rows[0][0] | int) -}}
    {%- endif -%}
    {{- return(1 if 'asof_runs' in there else none) -}}
{% endmacro %}

{# The names of the tables and views in the records' schema, as a list. #}
{% macro tables_there() %}
    {%- set sql %}
        select table_name
        from information_schema.tables
        where
            lower(table_schema) = {{ asof.literal(target.schema | lower) }}
            and lower(table_catalog) = {{ asof.literal(target.database | lower) }}
    {%- endset -%}
    {{- return(run_query(sql).columns[0].values() | list) -}}
{% endmacro %}

{# Refuses records of another version; starts those of a fresh warehouse at the current one. #}
{% macro require_current_version() %}
    {%- set version = asof.recorded_version() -%}
    {%- if version is none -%}
        {%- do run_query(asof.first_version_sql()) -%}
    {%- elif version < asof.current_version() -%}
        {{- asof.refuse('the records in ' ~ asof.records_schema() ~ ' are of version ' ~ version
            ~ ', and this asof writes version ' ~ asof.current_version() ~ '. Make a backup of the warehouse and '
            ~ 'of the published folder, then bring them along with one command: dbt run-operation upgrade') -}}
    {%- else -%}
        {%- do asof.refuse_newer(version, 'the records in ' ~ asof.records_schema() ~ ' are') -%}
    {%- endif -%}
{% endmacro %}

{# Refuses what a newer asof wrote. what: which thing, with its verb. #}
{% macro refuse_newer(version, what) %}
    {%- if version > asof.current_version() -%}
        {{- asof.refuse(what ~ ' of version ' ~ version ~ ', which a newer asof wrote; this one reads up to version '
            ~ asof.current_version() ~ '. There is no downgrade: install the newer asof again, or restore the '
            ~ 'warehouse and the published folder from a backup made before its upgrade.') -}}
    {%- endif -%}
{% endmacro %}

{# One statement, so that no kill leaves records without their version. #}
{% macro first_version_sql() %}
    create table {{ asof.registry('version') }} as
    select cast({{ asof.current_version() }} as bigint) as version, {{ asof.sql_time(asof.wall_clock()) }} as since
{% endmacro %}
