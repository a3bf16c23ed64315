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
    {%- do asof.open_records() -%}
    {%- do asof.say('upgraded the records from version ' ~ version ~ ' to ' ~ asof.current_version()
        ~ '. Now `dbt build`: it accepts changed texts whose values are equal, and publishes.') -%}
{% endmacro %}

{# Runs the statements of a version and notes it, in one transaction: a kill leaves the version before, or this one. #}
{% macro upgrade_records(version, statements) %}
    {%- do asof.run_together(statements + [asof.insert_sql('version', [[version, asof.wall_clock()]])]) -%}
    {%- do asof.fault_point('after_upgrade_of_records') -%}
{% endmacro %}

{# 1 to 2. Version 1 is what commit 54be2d8 and those before it wrote; it kept no version. #}
{% macro upgrade_to_2() %}
    {%- set statements = [] -%}
    {%- do statements.append('create table ' ~ asof.registry('version') ~ ' (version bigint, since '
        ~ asof.type_timestamptz() ~ ')') -%}
    {#- the bookkeeping of entities has inner names -#}
    {%- for node in asof.models_of('entity') -%}
        {%- set relation = load_relation(asof.relation_of(node)) -%}
        {%- set columns = adapter.get_columns_in_relation(relation) | map(attribute='name') | list if relation is not none else [] -%}
        {%- for name in ['seen_in_run', 'forgotten_in_run'] if name in columns -%}
            {%- do statements.append('alter table ' ~ relation ~ ' rename column ' ~ name ~ ' to asof_' ~ name) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{- return(statements) -}}
{% endmacro %}

{# A manifest of any version that this package reads, as the current version would have written it. #}
{% macro manifest_as_current(manifest) %}
    {%- if manifest.format < 2 -%}
        {%- for service in manifest.services.values() -%}
            {%- set features = {} -%}
            {%- for group in service.groups -%}
                {%- do features.update({group.name: manifest.groups[group.group].features}) -%}
            {%- endfor -%}
            {%- do service.update(asof.looked_up_from_1(service, features)) -%}
        {%- endfor -%}
    {%- endif -%}
    {{- return(manifest) -}}
{% endmacro %}

{# A contract as it is stored (see asof.contract_in), as the current version would have written it. #}
{% macro contract_as_current(contract) %}
    {%- if not contract.looked_up -%}
        {%- set features = {} -%}
        {%- for group in contract.groups -%}{%- do features.update({group.name: group.spec.features}) -%}{%- endfor -%}
        {%- do contract.update(asof.looked_up_from_1(contract, features)) -%}
    {%- endif -%}
    {{- return(contract) -}}
{% endmacro %}

{#
  {looked_up, sql} of a service of version 1: its text read `looked_up`, whose own columns had two underscores in their
  names, and nothing said where the others are from. features: of its groups, by their name.
#}
{% macro looked_up_from_1(service, features) %}
    {%- set lookups, renamed = [], [] -%}
    {%- for group in service.groups -%}
        {%- set columns = [] -%}
        {%- for feature in features[group.name] -%}
            {%- do columns.append({'name': feature.name, 'column': feature.name, 'type': feature.type}) -%}
        {%- endfor -%}
        {%- do lookups.append({'name': group.name, 'features': columns}) -%}
        {%- for source in ['found', 'as_of', 'max_age_seconds'] -%}
            {%- do renamed.append('asof_' ~ source ~ '_' ~ group.name ~ ' as ' ~ group.name ~ '__' ~ source) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- set looked_up = 'looked_up as (select *, ' ~ renamed | join(', ') ~ ' from asof_looked_up)' -%}
    {{- return({'looked_up': asof.looked_up_columns(service['keys'], service.request, lookups),
        'sql': 'with ' ~ looked_up ~ ', ' ~ service.sql[5:]}) -}}
{% endmacro %}
