{#
  Publishes what was built and tested, at the end of a green `dbt build` or `dbt test`; says why where it does not.
  Data first, then the manifest, last the pointer: a kill at any point leaves the snapshot before in force.
  Returns why the publication is held, a list of messages: the command must fail by them.
#}
{% macro publish() %}
    {%- set verdict = asof.publication_gate() -%}
    {%- if verdict.reason -%}
        {%- do asof.say('nothing published: ' ~ verdict.reason) -%}
        {{- return([]) -}}
    {%- endif -%}
    {%- set folder = asof.publish_folder() -%}
    {%- set pointer = asof.pointer() -%}
    {%- if pointer is not none and pointer.hold -%}
        {%- do asof.say('nothing published: on hold since ' ~ pointer.hold.since ~ ' (' ~ pointer.hold.reason
            ~ '). Release it with `dbt run-operation release`; the next green build publishes.') -%}
        {{- return([]) -}}
    {%- endif -%}
    {%- set current = asof.manifest_of(pointer.snapshot_id) if pointer is not none else none -%}
    {%- set changed = asof.changed_definitions(verdict, current) -%}
    {%- if changed -%}{{- return(changed) -}}{%- endif -%}
    {%- if current is not none and asof.same_snapshot(verdict, current) -%}
        {%- do asof.say('nothing published: tables, definitions and moments equal those of publication '
            ~ pointer.sequence_number ~ '.') -%}
        {{- return([]) -}}
    {%- endif -%}

    {#- never where something was published before: a folder that has gone may be one that is not mounted -#}
    {%- if asof.newest_publication() is none -%}{%- do asof.make_private_folder(folder) -%}{%- endif -%}
    {%- set created = asof.now(ticking=true) -%}
    {%- set snapshot_id = modules.re.sub('[^0-9]', '', created[:19])[:8] ~ 'T' ~ modules.re.sub('[^0-9]', '',
        created[11:19]) ~ 'Z-' ~ invocation_id[:8] -%}
    {%- do asof.fault_point('before_parquet') -%}
    {%- set groups = {} -%}
    {%- for entry in verdict.groups -%}
        {%- set spec = entry.spec -%}
        {%- set file = spec.base ~ '-' ~ snapshot_id ~ '.parquet' -%}
        {%- set order = spec['keys'] | map(attribute='name') | join(', ') -%}
        {%- set written = asof.export_parquet('select * from ' ~ spec.latest ~ ' order by ' ~ order, folder ~ '/'
            ~ file) -%}
        {%- do groups.update({spec.id: asof.group_manifest(spec, entry, file, written)}) -%}
        {%- do asof.fault_point('between_parquet') -%}
    {%- endfor -%}
    {%- do asof.fault_point('after_parquet') -%}
    {%- set services = {} -%}
    {%- for spec in verdict.services -%}
        {%- set service = asof.service_manifest(spec) -%}
        {%- set answers = asof.published_answers(spec, service, groups, folder, snapshot_id) -%}
        {%- if answers -%}{%- do service.update({'answers': answers}) -%}{%- endif -%}
        {%- do services.update({spec.id: service}) -%}
    {%- endfor -%}
    {%- set manifest = {
        'format': asof.current_version(), 'snapshot_id': snapshot_id, 'created_at': asof.rfc3339(created),
        'now_injected': asof.now_is_injected(),
        'invocation_id': invocation_id, 'code_version': env_var('ASOF_CODE_VERSION', '') or none,
        'publish_lag_seconds': asof.publish_lag_seconds(), 'groups': groups, 'services': services,
    } -%}
    {%- do asof.write_text(folder ~ '/' ~ asof.manifest_name(snapshot_id), tojson(manifest)) -%}
    {%- set pointer = asof.move_pointer(snapshot_id, manifest, 'build', none) -%}
    {%- do asof.say('published ' ~ snapshot_id ~ ' as number ' ~ pointer.sequence_number ~ ' at '
        ~ pointer.published_at ~ ': ' ~ groups | length ~ ' groups, ' ~ services | length ~ ' services.') -%}
    {{- return([]) -}}
{% endmacro %}

{# Whether nothing would change: same services and groups, each of the same moment, run and definition. #}
{% macro same_snapshot(verdict, current) %}
    {%- set here, there = [], [] -%}
    {%- for entry in verdict.groups -%}
        {%- do here.append([entry.spec.id, entry.definition, asof.rfc3339(entry.as_of), entry.run_id,
            entry.spec.max_age_seconds]) -%}
    {%- endfor -%}
    {%- for spec in verdict.services -%}
        {%- do here.append([spec.id, asof.service_manifest(spec).definition]) -%}
    {%- endfor -%}
    {%- for id, group in current.groups.items() -%}
        {%- do there.append([id, group.definition, group.as_of, group.run_id, group.max_age_seconds]) -%}
    {%- endfor -%}
    {%- for id, service in current.services.items() -%}{%- do there.append([id, service.definition]) -%}{%- endfor -%}
    {{- return(tojson(here | sort) == tojson(there | sort)) -}}
{% endmacro %}

{# Says that this target publishes nowhere, and which ones do. #}
{% macro say_publishes_nowhere() %}
    {%- set targets = (var('asof_publish_to', none) or {}).keys() | join(', ') -%}
    {%- do asof.say('nothing published: the target ' ~ target.name ~ ' publishes nowhere. The var asof_publish_to '
        ~ ('lists ' ~ targets if targets else 'is not set') ~ '. Where this target should publish, add to '
        ~ 'dbt_project.yml: `vars: {asof_publish_to: {' ~ target.name ~ ': published}}`.') -%}
{% endmacro %}
