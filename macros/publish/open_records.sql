{#
  What every command does before it reads or compares anything: makes sure the records exist and are of this version,
  and repairs the publication record from the pointer. The pointer is the truth; the record follows it.
#}
{% macro open_records() %}
    {%- do asof.check_session() -%}
    {%- do asof.create_registry() -%}
    {%- do asof.repair_record() -%}
{% endmacro %}

{# The pointer as a dict, or none before the first publication (or without a folder). #}
{% macro pointer() %}
    {%- set folder = asof.publish_folder() -%}
    {%- if folder is none -%}{{- return(none) -}}{%- endif -%}
    {%- set text = asof.read_text(folder ~ '/current.json') -%}
    {%- if not text -%}{{- return(none) -}}{%- endif -%}
    {%- set pointer = fromjson(text) -%}
    {%- do asof.refuse_newer(pointer.format, folder ~ '/current.json is') -%}
    {{- return(pointer) -}}
{% endmacro %}

{# The manifest that a pointer or record names by snapshot id, as of the current version; none where its file is gone. #}
{% macro manifest_of(snapshot_id) %}
    {%- set path = asof.publish_folder() ~ '/' ~ asof.manifest_name(snapshot_id) -%}
    {%- set text = asof.read_text(path) -%}
    {%- if not text -%}{{- return(none) -}}{%- endif -%}
    {%- set manifest = fromjson(text) -%}
    {%- do asof.refuse_newer(manifest.format, path ~ ' is') -%}
    {{- return(asof.manifest_as_current(manifest)) -}}
{% endmacro %}

{% macro manifest_name(snapshot_id) %}{{ return('snapshot-' ~ snapshot_id ~ '.json') }}{% endmacro %}

{# {sequence_number, snapshot_id, published_at} of the newest recorded publication; none before the first. #}
{% macro newest_publication() %}
    {%- set found = run_query('select sequence_number, snapshot_id, published_at from ' ~ asof.registry('publications')
        ~ ' order by sequence_number desc limit 1').rows -%}
    {{- return({'sequence_number': found[0][0] | int, 'snapshot_id': found[0][1], 'published_at': asof.time_literal(found[0][2])}
        if found | length else none) -}}
{% endmacro %}

{#
  Lets the record follow the pointer. By itself only where nothing is lost: one publication behind, with the rows that it
  served in this warehouse, as a kill between pointer and record leaves it. Any other record that ends before the pointer is that of
  an older copy. Going on from it cannot be undone, so a person says so (accept_loss, whose reason is given here).
#}
{% macro repair_record(reason=none) %}
    {%- set pointer = asof.pointer() -%}
    {%- if pointer is none -%}{{- return(none) -}}{%- endif -%}
    {%- set newest = asof.newest_publication() -%}
    {%- set recorded = newest.sequence_number if newest is not none else 0 -%}
    {%- set path = asof.publish_folder() ~ '/current.json' -%}
    {%- if pointer.sequence_number == recorded -%}
        {%- if pointer.snapshot_id != newest.snapshot_id -%}
            {{- asof.refuse('publication ' ~ recorded ~ ' is ' ~ newest.snapshot_id ~ ' in the record but ' ~ pointer.snapshot_id ~ ' in ' ~ path
                ~ ': this folder belongs to another warehouse. Point ASOF_PUBLISHED (or asof_publish_to) at the right one.') -}}
        {%- endif -%}
    {%- elif pointer.sequence_number < recorded -%}
        {{- asof.refuse('the publication record ends at ' ~ recorded ~ ' but ' ~ path ~ ' is publication ' ~ pointer.sequence_number ~ ': it is an older copy '
            ~ 'of the folder. Restore the newer one, or empty the folder: the next green build then publishes as ' ~ (recorded + 1)
            ~ '. Going on would number two different snapshots alike.') -}}
    {%- else -%}
        {%- set skipped = pointer.sequence_number - recorded - 1 -%}
        {%- set gone = [] -%}
        {%- for id, group in asof.current_manifest(pointer).groups.items() if not asof.holds_run(id, group.run_id) -%}{%- do gone.append(id) -%}{%- endfor -%}
        {%- set is_loss = skipped > 0 or gone | length > 0 -%}
        {%- if is_loss and reason is none -%}
            {{- asof.refuse('the publication record ends at ' ~ recorded ~ ' but ' ~ path ~ ' is publication ' ~ pointer.sequence_number ~ ' (made at '
                ~ pointer.published_at ~ '), and this warehouse does not hold what was served'
                ~ (' since ' ~ asof.rfc3339(newest.published_at if skipped > 0 else pointer.published_at) if newest is not none else '')
                ~ ': it is an older copy of the one that published there, or another one. If there is a newer copy, restore it; if the folder is the wrong one, '
                ~ 'point ASOF_PUBLISHED (or asof_publish_to) at the right one. If the rows are gone for good, say so: dbt run-operation accept_loss --args '
                ~ '\'{reason: "..."}\'. Numbering then goes on from ' ~ pointer.sequence_number ~ ', and examples of the hours whose rows are gone are left out of '
                ~ 'training as lost.') -}}
        {%- endif -%}
        {%- do asof.fault_point('before_repair') -%}
        {%- set first = [] -%}
        {%- if is_loss -%}
            {#- what was built before is older than what is served: only a new build may publish -#}
            {%- do first.append('update ' ~ asof.registry('runs') ~ " set kind = 'lost' where kind = 'normal'") -%}
            {%- do first.append(asof.insert_sql('accepted', [['publication ' ~ pointer.sequence_number, 'loss', reason, asof.wall_clock()]])) -%}
        {%- endif -%}
        {%- if skipped > 0 -%}{%- do first.append(asof.lost_publications_sql(newest, pointer)) -%}{%- endif -%}
        {%- do asof.record_publication(pointer, first) -%}
        {%- do asof.fault_point('after_repair') -%}
        {%- if not is_loss -%}
            {%- do asof.say('publication ' ~ pointer.sequence_number ~ ' was made but not recorded (its command was interrupted): recorded now.') -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

{#
  `dbt run-operation accept_loss --args '{reason: "disk of 3 May"}'`: this warehouse is an older copy, and there is no newer one. Records what
  the pointer names; what it served of rows that are not here, and the publications in between, of which nothing but the
  number is known, are on record as lost.
#}
{% macro accept_loss(reason) %}
    {%- if not execute -%}{{- return('') -}}{%- endif -%}
    {%- do asof.check_session() -%}
    {%- do asof.create_registry() -%}
    {%- set lost_before = asof.lost_stretches() -%}
    {%- do asof.repair_record(reason) -%}
    {%- set lost = asof.lost_stretches() | reject('in', lost_before) | list -%}
    {%- if not lost -%}
        {{- asof.refuse('nothing is lost: the publication record holds what the pointer names, with the rows that it served.') -}}
    {%- endif -%}
    {%- do asof.say('warning: lost are ' ~ lost | join('; ') ~ ': the rows that were served then are not in this warehouse. What was asked in that time is left out '
        ~ 'of training. Reason: ' ~ reason) -%}
{% endmacro %}

{# What is lost, in words: the publications of each stretch, and from when until when. #}
{% macro lost_stretches() %}
    {%- set found = run_query('select min(sequence_number), max(sequence_number), min(published_at), case when count(*) = count(ended_at) then max(ended_at) end from ('
        ~ 'select *, lead(published_at) over (order by sequence_number) as ended_at, sum(1 - is_lost) over (order by sequence_number) as stretch from ('
        ~ 'select sequence_number, published_at, max(case when as_of is null then 1 else 0 end) as is_lost from ' ~ asof.registry('publications')
        ~ ' group by sequence_number, published_at) as publication) as placed where is_lost = 1 group by stretch order by 1').rows -%}
    {%- set said = [] -%}
    {%- for first, last, since, until in found -%}
        {%- do said.append('publication' ~ (' ' ~ first if first == last else 's ' ~ first ~ ' to ' ~ last) ~ ', from ' ~ asof.rfc3339(asof.time_literal(since))
            ~ (' to ' ~ asof.rfc3339(asof.time_literal(until)) if until is not none else ' until the next')) -%}
    {%- endfor -%}
    {{- return(said) -}}
{% endmacro %}

{#
  Inserts what is known of the publications between the newest recorded one and the pointer: their numbers. Each stands at the earliest
  time at which it can have been made, since any of them may have been current from then on.
#}
{% macro lost_publications_sql(newest, pointer) -%}
    {%- set recorded = newest.sequence_number if newest is not none else 0 -%}
    insert into {{ asof.registry('publications') }}
    select
        number.sequence_number,
        null,
        {{ asof.sql_time(newest.published_at if newest is not none else '1970-01-01 00:00:00+00:00') }}
            + (number.sequence_number - {{ recorded }}) * interval '1 microsecond',
        'lost',
        either.group_id,
        null,
        null,
        null
    from generate_series({{ recorded + 1 }}, {{ pointer.sequence_number - 1 }}) as number (sequence_number)
    cross join (
        select group_id from {{ asof.registry('publications') }}
        {%- for id in asof.current_manifest(pointer).groups %}
        union
        select {{ asof.literal(id) }}
        {%- endfor %}
    ) as either
{%- endmacro %}

{# The manifest of the current publication. #}
{% macro current_manifest(pointer) %}
    {%- set manifest = asof.manifest_of(pointer.snapshot_id) -%}
    {%- if manifest is none -%}
        {{- asof.refuse('the manifest ' ~ asof.manifest_name(pointer.snapshot_id) ~ ' of the current publication is missing in ' ~ asof.publish_folder()
            ~ '. Put it back from a copy of the folder. If there is none, empty the folder: the next green build publishes anew.') -}}
    {%- endif -%}
    {{- return(manifest) -}}
{% endmacro %}

{# Whether this warehouse holds what a run recorded of a group (its moment and rows are written in one transaction). #}
{% macro holds_run(group_id, run_id) %}
    {{- return(run_query('select count(*) from ' ~ asof.registry('moments') ~ ' where group_id = ' ~ asof.literal(group_id) ~ ' and run_id = '
        ~ asof.literal(run_id)).rows[0][0] > 0) -}}
{% endmacro %}

{#
  Appends a publication to the record: one row per group, as its manifest says. Where this warehouse does not hold the run
  whose rows were served (an older warehouse was restored), the group's as_of is null: those hours are lost, and no
  training row is made up for them. first: statements that take effect together with it.
#}
{% macro record_publication(pointer, first=[]) %}
    {%- set manifest = asof.current_manifest(pointer) -%}
    {#- before the rest, since it may be done again -#}
    {%- for id, service in manifest.services.items() -%}
        {%- do run_query('insert into ' ~ asof.registry('contracts') ~ ' select ' ~ asof.literal(id) ~ ', ' ~ asof.literal(service.definition) ~ ', '
            ~ asof.literal(tojson(asof.contract_in(manifest, service))) ~ ' where not exists (select 1 from ' ~ asof.registry('contracts')
            ~ ' where service_id = ' ~ asof.literal(id) ~ ' and definition = ' ~ asof.literal(service.definition) ~ ')') -%}
    {%- endfor -%}
    {%- set rows = [] -%}
    {%- for id, group in manifest.groups.items() -%}
        {%- do rows.append([pointer.sequence_number, pointer.snapshot_id, pointer.published_at, pointer.kind, id,
            group.as_of if asof.holds_run(id, group.run_id) else none, group.run_id, group.max_age_seconds]) -%}
    {%- endfor -%}
    {%- if first -%}
        {%- do asof.run_together(first + [asof.insert_sql('publications', rows)]) -%}
    {%- else -%}
        {%- do run_query(asof.insert_sql('publications', rows)) -%}
    {%- endif -%}
{% endmacro %}

{#
  Moves the pointer, then lets the record follow. Callers have repaired the record, so it holds what the pointer names
  now. published_at is stamped here: later than every as_of in the snapshot and than the publication before.
#}
{% macro move_pointer(snapshot_id, manifest, kind, hold) %}
    {%- set newest = asof.newest_publication() -%}
    {%- set microsecond = modules.datetime.timedelta(microseconds=1) -%}
    {%- set floor = [asof.now(ticking=true)] -%}
    {%- if newest is not none -%}
        {%- do floor.append(asof.time_literal(asof.as_datetime(newest.published_at) + microsecond)) -%}
    {%- endif -%}
    {%- for group in manifest.groups.values() -%}
        {%- do floor.append(asof.time_literal(asof.as_datetime(asof.parse_time(group.as_of, 'as_of')) + microsecond)) -%}
    {%- endfor -%}
    {%- set pointer = {
        'format': asof.current_version(),
        'sequence_number': (newest.sequence_number if newest is not none else 0) + 1,
        'snapshot_id': snapshot_id,
        'published_at': asof.rfc3339(floor | max),
        'kind': kind,
        'hold': hold,
        'manifest': asof.manifest_name(snapshot_id),
        'manifest_sha256': asof.file_sha256(asof.publish_folder() ~ '/' ~ asof.manifest_name(snapshot_id)),
        'now_injected': asof.now_is_injected() or manifest.now_injected,
    } -%}
    {%- do asof.fault_point('before_pointer') -%}
    {%- do asof.write_text(asof.publish_folder() ~ '/current.json', tojson(pointer)) -%}
    {%- do asof.fault_point('after_pointer') -%}
    {%- do asof.record_publication(pointer) -%}
    {%- do asof.fault_point('after_record') -%}
    {{- return(pointer) -}}
{% endmacro %}
