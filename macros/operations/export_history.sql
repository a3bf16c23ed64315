{#
  `dbt run-operation export_history --args '{to: folder}'`: what was served of each group of the current publication,
  and since when, as <group>_v<n>.parquet in a folder that is there, for a system that takes an entity's last row at
  or before a time (`asof feast` makes a Feast repository of it). Prints the pointer, the manifest, and the files as
  {group id: {file, served_since, rows, bytes, sha256}}, in JSON.

  The columns of a file:
    the keys, the features  as declared, but lists of dates as lists of times and uuids as text; null unless the
    status is OK <group>_status          OK, STALE, NOT_FOUND or NO_SNAPSHOT asof_served_from        since when (UTC):
    published_at, not as_of asof_recorded_at        when a run recorded it, by the wall clock; of what no run
    recorded, asof_served_from
  Sorted by the keys and asof_served_from, one row for each of them. Errors: nothing published, no history in this
  warehouse.
#}
{% macro export_history(to) %}
    {%- if not execute -%}{{- return('') -}}{%- endif -%}
    {%- do asof.open_records() -%}
    {%- set pointer = asof.current_pointer_or_refuse() -%}
    {%- set manifest = asof.manifest_of(pointer.snapshot_id) -%}
    {%- if manifest is none -%}
        {{- asof.refuse('the manifest of the current publication (' ~ pointer.manifest ~ ') is no longer in '
            ~ asof.publish_folder() ~ '. Put it back from a copy of the folder, or publish anew by `dbt build`.') -}}
    {%- endif -%}
    {%- set files = {} -%}
    {%- for id, group in manifest.groups.items() -%}
        {%- set spec = asof.group_spec(group.name, group.version) -%}
        {%- set sql -%}
            select min(published_at)
            from (
                select published_at
                from {{ asof.registry('counted_moments') }}
                where kind = 'backfill' and group_id = {{ asof.literal(id) }}
                union all
                select published_at
                from {{ asof.registry('publications') }}
                where as_of is not null and group_id = {{ asof.literal(id) }}
            ) as in_force
        {%- endset -%}
        {%- set since = run_query(sql).rows[0][0] -%}
        {%- if since is none -%}
            {{- asof.refuse('this warehouse holds nothing that was served of ' ~ id ~ ', though publication '
                ~ pointer.sequence_number ~ ' serves it. Is this the warehouse that ' ~ asof.publish_folder()
                ~ ' was published from?') -}}
        {%- endif -%}
        {%- set file = spec.base ~ '.parquet' -%}
        {%- do files.update({id: {'file': file, 'served_since': asof.rfc3339(asof.time_literal(since))}}) -%}
        {%- do files[id].update(asof.export_parquet(asof.served_history_sql(spec, asof.link_columns(manifest, id)),
            (to ~ '/' ~ file) | replace("'", "''"))) -%}
        {%- do asof.say(id ~ ': ' ~ files[id].rows ~ ' rows of what was served.') -%}
    {%- endfor -%}
    {%- do print(tojson({'project': project_name, 'pointer': pointer, 'manifest': manifest, 'files': files})) -%}
{% endmacro %}
