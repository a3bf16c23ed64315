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
        {%- do floor.append(asof.time_literal(asof.as_datetime(asof.parse_time(group.as_of,
            'as_of')) + microsecond)) -%}
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
