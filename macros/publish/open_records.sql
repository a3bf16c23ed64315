{#
  What every command does before it reads or compares anything: makes sure the records exist, and repairs the
  publication record from the pointer. The pointer is the truth; the record follows it.
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
    {{- return(fromjson(text) if text else none) -}}
{% endmacro %}

{# The manifest that a pointer or record names, by snapshot id; none where its file is gone. #}
{% macro manifest_of(snapshot_id) %}
    {%- set text = asof.read_text(asof.publish_folder() ~ '/' ~ asof.manifest_name(snapshot_id)) -%}
    {{- return(fromjson(text) if text else none) -}}
{% endmacro %}

{% macro manifest_name(snapshot_id) %}{{ return('snapshot-' ~ snapshot_id ~ '.json') }}{% endmacro %}

{# {sequence_number, snapshot_id, published_at} of the newest recorded publication; none before the first. #}
{% macro newest_publication() %}
    {%- set found = run_query('select sequence_number, snapshot_id, published_at from ' ~ asof.registry('publications')
        ~ ' order by sequence_number desc limit 1').rows -%}
    {{- return({'sequence_number': found[0][0] | int, 'snapshot_id': found[0][1], 'published_at': asof.time_literal(found[0][2])}
        if found | length else none) -}}
{% endmacro %}

{% macro repair_record() %}
    {%- set pointer = asof.pointer() -%}
    {%- if pointer is none -%}{{- return(none) -}}{%- endif -%}
    {%- set newest = asof.newest_publication() -%}
    {%- set recorded = newest.sequence_number if newest is not none else 0 -%}
    {%- set folder = asof.publish_folder() -%}
    {%- if pointer.sequence_number == recorded -%}
        {%- if pointer.snapshot_id != newest.snapshot_id -%}
            {{- asof.refuse('publication ' ~ recorded ~ ' is ' ~ newest.snapshot_id ~ ' in the record but ' ~ pointer.snapshot_id ~ ' in ' ~ folder
                ~ '/current.json: this folder belongs to another warehouse. Point ASOF_PUBLISHED (or asof_publish_to) at the right one.') -}}
        {%- endif -%}
    {%- elif pointer.sequence_number == recorded + 1 -%}
        {%- do asof.fault_point('before_repair') -%}
        {%- do asof.record_publication(pointer) -%}
        {%- do asof.fault_point('after_repair') -%}
        {%- do asof.say('publication ' ~ pointer.sequence_number ~ ' was made but not recorded (its command was interrupted): recorded now.') -%}
    {%- else -%}
        {{- asof.refuse('the publication record ends at ' ~ recorded ~ ' but ' ~ folder ~ '/current.json is publication ' ~ pointer.sequence_number
            ~ ': publications are missing in between. Restore the newer warehouse' ~ (' or the newer folder' if pointer.sequence_number < recorded else '')
            ~ '; going on would number two different snapshots alike.') -}}
    {%- endif -%}
{% endmacro %}

{#
  Appends a publication to the record: one row per group, as its manifest says. Where this warehouse does not hold the run
  whose rows were served (an older warehouse was restored), the group's as_of is null: those hours are lost, and no
  training row is made up for them.
#}
{% macro record_publication(pointer) %}
    {%- set manifest = asof.manifest_of(pointer.snapshot_id) -%}
    {%- if manifest is none -%}
        {{- asof.refuse('the manifest ' ~ asof.manifest_name(pointer.snapshot_id) ~ ' of the current publication is missing in ' ~ asof.publish_folder() ~ '.') -}}
    {%- endif -%}
    {#- first, since it may be done again -#}
    {%- for id, service in manifest.services.items() -%}
        {%- do run_query('insert into ' ~ asof.registry('contracts') ~ ' select ' ~ asof.literal(id) ~ ', ' ~ asof.literal(service.definition) ~ ', '
            ~ asof.literal(tojson(asof.contract_in(manifest, service))) ~ ' where not exists (select 1 from ' ~ asof.registry('contracts')
            ~ ' where service_id = ' ~ asof.literal(id) ~ ' and definition = ' ~ asof.literal(service.definition) ~ ')') -%}
    {%- endfor -%}
    {%- set rows = [] -%}
    {%- for id, group in manifest.groups.items() -%}
        {%- set is_lost = run_query('select count(*) from ' ~ asof.registry('moments') ~ ' where group_id = ' ~ asof.literal(id) ~ ' and run_id = '
            ~ asof.literal(group.run_id)).rows[0][0] == 0 -%}
        {%- if is_lost -%}
            {%- do asof.say('warning: publication ' ~ pointer.sequence_number ~ ' served rows of ' ~ id ~ ' that this warehouse does not hold (run ' ~ group.run_id
                ~ '; was an older warehouse restored?). They are marked lost: examples of that time are left out of training.') -%}
        {%- endif -%}
        {%- do rows.append([pointer.sequence_number, pointer.snapshot_id, pointer.published_at, pointer.kind, id, none if is_lost else group.as_of, group.run_id,
            group.max_age_seconds]) -%}
    {%- endfor -%}
    {%- do run_query(asof.insert_sql('publications', rows)) -%}
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
        'format': 1,
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
