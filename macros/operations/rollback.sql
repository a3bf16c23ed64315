{#
  `dbt run-operation rollback --args '{to: 15}'` makes the snapshot of an earlier publication the current one,
  whole, as a new publication, and holds: builds and tests go on but neither count nor publish until `dbt
  run-operation release`. Without `to` it lists the last publications, with what went out in each, and refuses. It
  writes to the warehouse, so on DuckDB it cannot run while a build does: one writer at a time.
#}
{% macro rollback(to=none, reason='rollback') %}
    {%- if not execute -%}{{- return('') -}}{%- endif -%}
    {%- do asof.open_records() -%}
    {%- set pointer = asof.current_pointer_or_refuse() -%}
    {%- if to is none -%}
        {{- asof.refuse('name the publication to roll back to, as in `dbt run-operation rollback --args '
            ~ '\'{to: <number>}\'`. The last ones: ' ~ asof.last_publications() | join('; ') ~ '.') -}}
    {%- endif -%}
    {%- set found_sql %}
        select sequence_number, snapshot_id, count(*) - count(as_of)
        from {{ asof.registry('publications') }}
        where snapshot_id is distinct from '{{ pointer.snapshot_id }}' and sequence_number = {{ to }}
        group by sequence_number, snapshot_id
    {%- endset -%}
    {%- set found = run_query(found_sql).rows -%}
    {%- if found | length == 0 -%}
        {{- asof.refuse('there is no other snapshot to roll back to as publication ' ~ to ~ '. The current one is '
            ~ pointer.snapshot_id ~ ' (publication ' ~ pointer.sequence_number ~ ').') -}}
    {%- endif -%}
    {%- if found[0][2] > 0 -%}
        {#- what it answers could not be trained on -#}
        {%- set sql -%}
            select max(sequence_number)
            from (
                select sequence_number
                from {{ asof.registry('publications') }}
                where sequence_number < {{ found[0][0] }}
                group by sequence_number
                having count(*) = count(as_of)
            ) as whole
        {%- endset -%}
        {%- set whole = run_query(sql).rows[0][0] -%}
        {{- asof.refuse('publication ' ~ found[0][0] ~ ' is lost: an older warehouse was restored, which does not '
            ~ 'hold the rows that it served. ' ~ ('The newest before it that is held: dbt run-operation rollback '
            ~ '--args \'{to: ' ~ whole ~ '}\'.'
            if whole is not none
               else 'There is none before it that is held; `dbt build` publishes anew.')) -}}
    {%- endif -%}
    {%- set snapshot_id = found[0][1] -%}
    {%- set manifest = asof.manifest_of(snapshot_id) -%}
    {%- if manifest is none -%}
        {{- asof.refuse('the files of ' ~ snapshot_id ~ ' (publication ' ~ found[0][0] ~ ') are no longer in '
            ~ asof.publish_folder() ~ ': pruned, or moved. Put them back, or roll back to another: `dbt '
            ~ 'run-operation rollback --args \'{to: <number>}\'`; the record asof_publications lists them.') -}}
    {%- endif -%}
    {%- set folder = asof.publish_folder() -%}
    {%- set files = manifest.groups.values() | list -%}
    {%- do files.extend(manifest.services.values() | selectattr('answers', 'defined') | map(attribute='answers')) -%}
    {%- for each in files if not asof.file_exists(folder ~ '/' ~ each.file) -%}
        {{- asof.refuse('the file ' ~ each.file ~ ' of ' ~ snapshot_id ~ ' is no longer in ' ~ folder
            ~ '. Put it back, or roll back to another publication.') -}}
    {%- endfor -%}
    {%- set moved = asof.move_pointer(snapshot_id, manifest, 'rollback', {'reason': reason,
        'since': asof.rfc3339(asof.now(ticking=true))}) -%}
    {%- do asof.say('rolled back to ' ~ snapshot_id ~ ' (publication ' ~ found[0][0] ~ ') as publication '
        ~ moved.sequence_number ~ ', and on hold: nothing is published until `dbt run-operation release`.') -%}
{% endmacro %}

{#
  The last ten publications in words, newest first: number, time, and what went out in it: `7 of
  2026-05-01T09:00:00.000000Z: card@1, fraud@1`. A rollback names the publication whose snapshot it made current
  again.
#}
{% macro last_publications() %}
    {%- set sql %}
        select
            sequence_number,
            snapshot_id,
            published_at,
            kind,
            min(sequence_number) over (partition by snapshot_id) as first_number
        from (select distinct sequence_number, snapshot_id, published_at, kind from {{ asof.registry('publications') }})
            as publication
        order by sequence_number desc
        limit 10
    {%- endset -%}
    {%- set said = [] -%}
    {%- for number, snapshot_id, published_at, kind, first_number in run_query(sql).rows -%}
        {%- set manifest = asof.manifest_of(snapshot_id) if kind == 'build' else none -%}
        {%- set went_out = [] -%}
        {%- for entries in ([manifest.groups, manifest.services] if manifest is not none else []) -%}
            {%- for id, entry in entries.items() if (entry.made_in or snapshot_id) == snapshot_id -%}
                {%- do went_out.append(id) -%}
            {%- endfor -%}
        {%- endfor -%}
        {%- do said.append(number ~ ' of ' ~ asof.rfc3339(asof.time_literal(published_at)) ~ ': '
            ~ ('lost' if kind == 'lost' else 'back to ' ~ first_number if kind != 'build'
               else went_out | join(', ') or 'pruned')) -%}
    {%- endfor -%}
    {{- return(said) -}}
{% endmacro %}
