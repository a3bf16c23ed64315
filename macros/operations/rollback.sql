{#
  `dbt run-operation rollback --args '{to: 15}'` makes the snapshot of an earlier publication the current one (where
  `to` is left out, the one served before the current one first was; so a second rollback goes further back) as a new
  publication, and holds: builds and tests go on but neither count nor publish until `dbt run-operation release`. It
  writes to the warehouse, so on DuckDB it cannot run while a build does: one writer at a time.
#}
{% macro rollback(to=none, reason='rollback') %}
    {%- if not execute -%}{{- return('') -}}{%- endif -%}
    {%- do asof.open_records() -%}
    {%- set pointer = asof.current_pointer_or_refuse() -%}
    {%- set which = 'sequence_number = ' ~ to if to is not none
        else 'sequence_number < (select min(sequence_number) from ' ~ asof.registry('publications')
            ~ " where snapshot_id = '" ~ pointer.snapshot_id ~ "')" -%}
    {%- set sql -%}
        select sequence_number, snapshot_id, count(*) - count(as_of)
        from {{ asof.registry('publications') }}
        where snapshot_id is distinct from '{{ pointer.snapshot_id }}' and {{ which }}
        group by sequence_number, snapshot_id
        order by sequence_number desc
        limit 1
    {%- endset -%}
    {%- set found = run_query(sql).rows -%}
    {%- if found | length == 0 -%}
        {{- asof.refuse('there is no other snapshot to roll back to' ~ (' as publication ' ~ to if to is not none
            else '') ~ '. The current one is ' ~ pointer.snapshot_id ~ ' (publication ' ~ pointer.sequence_number
                ~ ').') -}}
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
