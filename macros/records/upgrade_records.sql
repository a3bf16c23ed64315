{# Runs the statements of a version and notes it, in one transaction: a kill leaves the version before, or this one.
#}
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
        {%- set columns = adapter.get_columns_in_relation(relation) | map(attribute='name') | list
            if relation is not none else [] -%}
        {%- for name in ['seen_in_run', 'forgotten_in_run'] if name in columns -%}
            {%- do statements.append('alter table ' ~ relation ~ ' rename column ' ~ name ~ ' to asof_' ~ name) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{- return(statements) -}}
{% endmacro %}

{#
  2 to 3. Components: what a run noticed of an entity counts with a group of that entity, so moments name it.
  Moments of groups that the project no longer has name none, and count for every entity as before.
#}
{% macro upgrade_to_3() %}
    {%- set statements = [
        'alter table ' ~ asof.registry('moments') ~ ' add column entity varchar',
        'alter table ' ~ asof.registry('results') ~ ' add column definition varchar',
    ] -%}
    {%- for node in asof.models_of('group') -%}
        {%- set spec = asof.group_spec_of(node) -%}
        {%- set sql %}
            update {{ asof.registry('moments') }}
            set entity = {{ asof.literal(spec.entity.name) }}
            where group_id = {{ asof.literal(spec.id) }}
        {%- endset -%}
        {%- do statements.append(sql) -%}
    {%- endfor -%}
    {{- return(statements) -}}
{% endmacro %}

{#
  3 to 4 needs no statement: asof_profiles, asof_findings and asof_drift are new. It is a version all the same, since
  the erase of an older asof would leave values of a person in them.
#}
