{#
  `dbt run-operation upgrade`: brings the records that an older version of this package wrote to the current version.
  The published folder stays as it is: snapshots are never rewritten, and the shim and every command read those of older
  versions. Running it again does nothing.

  Whoever changes something that is stored raises asof.current_version(), once for each release, and adds a step for it:

  - a column of a record: a statement in upgrade_to_<version>(). A new record needs none, create_registry makes it.
  - the manifest or the pointer: manifest_as_current(), which every reader in SQL goes through, and serve/snapshot.py.
  - a stored contract: contract_as_current().
  - the compiled text of groups and services: nothing. The first build compares it (accept_equal_definitions).
#}
{% macro upgrade() %}
    {%- if not execute -%}{{- return('') -}}{%- endif -%}
    {%- do asof.check_session() -%}
    {%- set version = asof.recorded_version() -%}
    {%- if version is none -%}
        {{- asof.refuse('there are no records in ' ~ asof.records_schema() ~ ', so there is nothing to upgrade: '
            ~ '`dbt build` starts them. If there should be some, the target ' ~ target.name
            ~ ' or its warehouse is not the one you mean.') -}}
    {%- endif -%}
    {%- do asof.refuse_newer(version, 'the records in ' ~ asof.records_schema() ~ ' are') -%}
    {%- if version == asof.current_version() -%}
        {%- do asof.say('the records are of version ' ~ version ~ ' already: nothing to do.') -%}
        {{- return('') -}}
    {%- endif -%}
    {#- the rules of now, before anything is changed -#}
    {%- do asof.check_configuration() -%}
    {%- do asof.check_project() -%}
    {%- if version < 2 -%}{%- do asof.upgrade_records(2, asof.upgrade_to_2()) -%}{%- endif -%}
    {%- if version < 3 -%}{%- do asof.upgrade_records(3, asof.upgrade_to_3()) -%}{%- endif -%}
    {%- if version < 4 -%}{%- do asof.upgrade_records(4, []) -%}{%- endif -%}
    {%- do asof.open_records() -%}
    {%- do asof.say('upgraded the records from version ' ~ version ~ ' to ' ~ asof.current_version()
        ~ '. Now `dbt build`: it accepts changed texts whose values are equal, and publishes.') -%}
{% endmacro %}
