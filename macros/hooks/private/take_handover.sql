{#
  At the start of a build from a hand-over: checks that it is whole and of this project and run, puts a table in the
  place of each model that stays on the engine, so that groups and examples are checked against its columns, and
  takes the engine's results as those of this run. Errors: a torn file, another project's text, other moments.
#}
{% macro take_handover(run_number) %}
    {%- set handover = asof.handover() -%}
    {%- if handover is none or not env_var('ASOF_HANDOVER', '') -%}{{- return(none) -}}{%- endif -%}
    {%- do asof.check_handover(handover) -%}
    {%- set results = [] -%}
    {%- for unique_id, relation in handover.relations.items() if relation.columns
        and relation.role not in ['entity', 'group'] -%}
        {%- set node = graph.nodes[unique_id] -%}
        {%- do asof.create_stand_in(node, relation) -%}
    {%- endfor -%}
    {%- for unique_id, status in handover.results.items() if unique_id in graph.nodes -%}
        {%- set node = graph.nodes[unique_id] -%}
        {#- what failed there is not built here -#}
        {%- if status not in ['success', 'pass', 'warn'] or asof.selector_of(node) in handover.stay -%}
            {%- do results.append([unique_id, node.resource_type | string, status, run_number, invocation_id,
                none, asof.definition_of(node) if node.resource_type == 'model' else none]) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if results -%}
        {%- set ids = results | map('first') | list -%}
        {%- do run_query('delete from ' ~ asof.registry('results') ~ ' where unique_id in (' ~ asof.literals(ids)
            ~ ')') -%}
        {%- do run_query(asof.insert_sql('results', results)) -%}
    {%- endif -%}
    {%- do run_query(asof.insert_sql('handovers', [[invocation_id, handover.engine, handover.folder,
        handover.as_of]])) -%}
    {%- do asof.say('built from what ' ~ handover.engine ~ ' handed over as of ' ~ handover.as_of ~ '.') -%}
{% endmacro %}

{# Refuses a hand-over that is torn, of another text than the project has now, or for other moments than this run's. #}
{% macro check_handover(handover) %}
    {%- set again = ' Run `asof build --engine ' ~ handover.target ~ '` again.' -%}
    {%- for unique_id, relation in handover.relations.items() -%}
        {%- set node = graph.nodes.get(unique_id) -%}
        {%- if node is none or (node.resource_type == 'model' and node.checksum.checksum != relation.checksum) -%}
            {{- asof.refuse('the hand-over in ' ~ handover.folder ~ ' was made from another text of ' ~ relation.name
                ~ ' than the project has now.' ~ again) -}}
        {%- endif -%}
        {%- for file in relation.files -%}
            {%- set path = handover.folder ~ '/' ~ file.file -%}
            {%- if not asof.file_exists(path) or asof.file_sha256(path) != file.sha256 -%}
                {{- asof.refuse('the hand-over in ' ~ handover.folder ~ ' is torn: ' ~ file.file ~ ' is '
                    ~ ('another file than the one that was sealed' if asof.file_exists(path) else 'not there') ~ '.'
                    ~ again) -}}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- set moments = asof.run_moments() -%}
    {%- if asof.backfill_range() is not none and moments != handover.moments -%}
        {{- asof.refuse('the hand-over in ' ~ handover.folder ~ ' is for ' ~ handover.moments | length
            ~ ' moments from ' ~ handover.moments[0] ~ ' on, and this backfill asks for ' ~ moments | length
            ~ ' from ' ~ moments[0] ~ ' on.' ~ again) -}}
    {%- elif asof.backfill_range() is none and handover.kind != 'build' -%}
        {{- asof.refuse('the hand-over in ' ~ handover.folder ~ ' is for a backfill, and this is none.' ~ again) -}}
    {%- endif -%}
    {%- set newer_sql -%}
        select folder
        from {{ asof.registry('handovers') }}
        where as_of > {{ asof.sql_time(handover.as_of) }}
    {%- endset -%}
    {%- set newer = run_query(newer_sql).rows -%}
    {%- if newer | length and handover.kind == 'build' -%}
        {{- asof.refuse('the hand-over in ' ~ handover.folder ~ ' is older than ' ~ newer[0][0]
            ~ ', which was taken already.' ~ again) -}}
    {%- endif -%}
{% endmacro %}

{# A table of a model's columns: with its rows where they were handed over (examples, events of late), else empty. #}
{% macro create_stand_in(node, relation) %}
    {%- set target_relation = api.Relation.create(database=node.database, schema=node.schema, identifier=node.alias,
        type='table') -%}
    {%- set existing = adapter.get_relation(database=node.database, schema=node.schema, identifier=node.alias) -%}
    {%- if existing is not none -%}{%- do adapter.drop_relation(existing) -%}{%- endif -%}
    {%- do run_query('create schema if not exists ' ~ target_relation.without_identifier()) -%}
    {%- if relation.files -%}
        {%- do run_query('create table ' ~ target_relation ~ ' as ' ~ asof.handed_over_sql(node)) -%}
    {%- else -%}
        {%- set columns = [] -%}
        {%- for name, type in relation.columns.items() -%}
            {%- do columns.append('"' ~ name ~ '" ' ~ type) -%}
        {%- endfor -%}
        {%- do run_query('create table ' ~ target_relation ~ ' (' ~ columns | join(', ') ~ ')') -%}
    {%- endif -%}
    {%- do adapter.cache_added(target_relation) -%}
{% endmacro %}
