{#
  Publishes what was built and tested, at the end of a green `dbt build` or `dbt test`: the components that are
  whole and green go out, the others are carried over from the snapshot that the pointer names. Says why where it
  does not. Data first, then the manifest, last the pointer: a kill at any point leaves the snapshot before in
  force. The record is repaired first, so that another command's publication is seen. From there on nobody else
  writes: the warehouse is open, and admits one process. Returns why a component is held that a person must look at,
  a list of messages: the command must fail by them.
#}
{% macro publish() %}
    {%- do asof.repair_record() -%}
    {%- set verdict = asof.publication_gate() -%}
    {%- if verdict.reason -%}
        {%- do asof.say('nothing published: ' ~ verdict.reason) -%}
        {{- return([]) -}}
    {%- endif -%}
    {%- set components = verdict.components -%}
    {%- set failures = asof.judge_health(components) -%}
    {%- set pointer = asof.pointer() -%}
    {%- if pointer is not none and pointer.hold -%}
        {%- do asof.say('nothing published: on hold since ' ~ pointer.hold.since ~ ' (' ~ pointer.hold.reason
            ~ '). Release it with `dbt run-operation release`; the next green build publishes.') -%}
        {{- return(failures) -}}
    {%- endif -%}
    {%- set current = asof.manifest_of(pointer.snapshot_id) if pointer is not none else none -%}
    {%- for component in components if component.reason is none -%}
        {%- set changed = asof.changed_definitions(component, current) -%}
        {%- if changed -%}
            {%- do component.update({'reason': 'its compiled text changed under its version.', 'is_failure': true}) -%}
            {%- do failures.extend(changed) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set carried = asof.carry_over(components, current) -%}
    {%- set going = components | selectattr('reason', 'none') | list -%}
    {%- if not going -%}
        {%- do asof.publish_held(components) -%}
        {%- do asof.say('nothing published: ' ~ asof.why_nothing(components)) -%}
        {{- return(failures) -}}
    {%- endif -%}

    {%- set groups, services = dict(carried.groups), dict(carried.services) -%}
    {%- set entries = going | map(attribute='entries') | sum(start=[]) -%}
    {%- for entry in entries -%}
        {%- do groups.update({entry.spec.id: {'definition': entry.definition, 'as_of': asof.rfc3339(entry.as_of),
            'run_id': entry.run_id, 'max_age_seconds': entry.spec.max_age_seconds}}) -%}
    {%- endfor -%}
    {%- for component in going -%}{%- do services.update(component.manifests) -%}{%- endfor -%}
    {%- do asof.name_latest_versions(services, current) -%}
    {%- if current is not none and asof.same_snapshot(groups, services, current) -%}
        {%- do asof.publish_held(components) -%}
        {%- do asof.say('nothing published: tables, definitions and moments equal those of publication '
            ~ pointer.sequence_number ~ '.') -%}
        {%- do asof.say_carried(components, current) -%}
        {{- return(failures) -}}
    {%- endif -%}

    {%- set folder = asof.publish_folder() -%}
    {#- never where something was published before: a folder that has gone may be one that is not mounted -#}
    {%- if asof.newest_publication() is none -%}{%- do asof.make_private_folder(folder) -%}{%- endif -%}
    {%- set created = asof.now(ticking=true) -%}
    {%- set digits = modules.re.sub('[^0-9]', '', created[:19]) -%}
    {%- set manifest = {
        'format': asof.current_version(), 'snapshot_id': digits[:8] ~ 'T' ~ digits[8:] ~ 'Z-' ~ invocation_id[:8],
        'created_at': asof.rfc3339(created), 'now_injected': asof.now_is_injected(), 'invocation_id': invocation_id,
        'code_version': env_var('ASOF_CODE_VERSION', '') or none, 'publish_lag_seconds': asof.publish_lag_seconds(),
        'groups': groups, 'services': services,
    } -%}
    {%- set snapshot_id = manifest.snapshot_id -%}
    {%- set made = asof.made_now(manifest) -%}
    {%- set profiles = asof.profiles_in_manifest(asof.last_build().run_id) -%}
    {%- do asof.fault_point('before_parquet') -%}
    {%- for entry in entries -%}
        {%- set spec = entry.spec -%}
        {%- set file = spec.base ~ '-' ~ snapshot_id ~ '.parquet' -%}
        {%- set order = spec['keys'] | map(attribute='name') | join(', ') -%}
        {%- set rows = 'select * from ' ~ spec.latest ~ ' order by ' ~ order -%}
        {%- set written = asof.export_parquet(rows, folder ~ '/' ~ file) -%}
        {%- do groups.update({spec.id: dict(made, **asof.group_manifest(spec, entry, file, written,
            profiles.get(spec.id, {})))}) -%}
        {%- do asof.fault_point('between_parquet') -%}
    {%- endfor -%}
    {%- do asof.fault_point('after_parquet') -%}
    {%- for spec in going | map(attribute='services') | sum(start=[]) -%}
        {%- set service = dict(made, **services[spec.id]) -%}
        {%- set answers = asof.published_answers(spec, service, groups, folder, snapshot_id) -%}
        {%- if answers -%}{%- do service.update({'answers': answers}) -%}{%- endif -%}
        {%- do services.update({spec.id: service}) -%}
    {%- endfor -%}
    {%- set is_injected = (groups.values() | list + services.values() | list) | selectattr('now_injected') | list -%}
    {%- do manifest.update({'now_injected': is_injected | length > 0}) -%}
    {%- do asof.write_text(folder ~ '/' ~ asof.manifest_name(snapshot_id), tojson(manifest)) -%}
    {%- set pointer = asof.move_pointer(snapshot_id, manifest, 'build', none) -%}
    {%- do asof.publish_held(components) -%}
    {%- set what = groups | length ~ ' groups, ' ~ services | length ~ ' services' -%}
    {%- if going | length < components | length -%}
        {%- set what = going | map(attribute='ids') | sum(start=[]) | join(', ') -%}
    {%- endif -%}
    {%- do asof.say('published ' ~ snapshot_id ~ ' as number ' ~ pointer.sequence_number ~ ' at ' ~ pointer.published_at
        ~ ': ' ~ what ~ '.') -%}
    {%- do asof.say_carried(components, manifest) -%}
    {{- return(failures) -}}
{% endmacro %}

{# Whether nothing would change: same services and groups, each of the same moment, run, age and definition. #}
{% macro same_snapshot(groups, services, current) %}
    {%- set here, there = [], [] -%}
    {%- for where, manifest in [(here, {'groups': groups, 'services': services}), (there, current)] -%}
        {%- for id, group in manifest.groups.items() -%}
            {%- do where.append([id, group.definition, group.as_of, group.run_id, group.max_age_seconds | int]) -%}
        {%- endfor -%}
        {%- for id, service in manifest.services.items() -%}
            {%- do where.append([id, service.definition, service.is_latest]) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{- return(tojson(here | sort) == tojson(there | sort)) -}}
{% endmacro %}

{# Says of each component that did not go out what is served of it, how old that is, and why it is held. #}
{% macro say_carried(components, manifest) %}
    {%- for component in components if component.reason is not none -%}
        {%- set stands = [] -%}
        {%- for id in component.ids if id in manifest.groups -%}
            {%- set as_of = asof.parse_time(manifest.groups[id].as_of, 'as_of') -%}
            {%- set age = (asof.as_datetime(asof.now()) - asof.as_datetime(as_of)).total_seconds() | int -%}
            {%- do stands.append(id ~ ' as of ' ~ manifest.groups[id].as_of ~ ' (' ~ age ~ ' s old)') -%}
        {%- endfor -%}
        {%- do asof.say(('carried over: ' if stands else 'left out: ') ~ component.ids | join(', ') ~ ': '
            ~ component.reason ~ (' Served are ' ~ stands | join(', ') ~ '.' if stands else '')) -%}
    {%- endfor -%}
{% endmacro %}

{# Why no component went out, in one message. #}
{% macro why_nothing(components) %}
    {%- set reasons = [] -%}
    {%- for component in components -%}
        {%- do reasons.append((component.ids | join(', ') ~ ': ' if components | length > 1 else '') ~ component.reason
            ~ (' Not in it: ' ~ asof.some(component.missing) ~ '. To publish it: `dbt build --select '
                ~ asof.selection_of(component) ~ '`.' if component.missing else '')) -%}
    {%- endfor -%}
    {{- return(reasons | join(' ')) -}}
{% endmacro %}

{# Says that this target publishes nowhere, and which ones do. #}
{% macro say_publishes_nowhere() %}
    {%- set targets = (var('asof_publish_to', none) or {}).keys() | join(', ') -%}
    {%- do asof.say('nothing published: the target ' ~ target.name ~ ' publishes nowhere. The var asof_publish_to '
        ~ ('lists ' ~ targets if targets else 'is not set')
        ~ '. Where this target should publish, add to dbt_project.yml: `vars: {asof_publish_to: {'
        ~ target.name ~ ': published}}`.') -%}
{% endmacro %}
