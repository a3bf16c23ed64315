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
        {%- do asof.say('nothing published: on hold since ' ~ pointer.hold.since ~ ' (' ~ pointer.hold.reason ~ '). Release it with `dbt run-operation release`; the next '
            ~ 'green build publishes.') -%}
        {{- return([]) -}}
    {%- endif -%}
    {%- set current = asof.manifest_of(pointer.snapshot_id) if pointer is not none else none -%}
    {%- set changed = asof.changed_definitions(verdict, current) -%}
    {%- if changed -%}{{- return(changed) -}}{%- endif -%}
    {%- if current is not none and asof.same_snapshot(verdict, current) -%}
        {%- do asof.say('nothing published: tables, definitions and moments equal those of publication ' ~ pointer.sequence_number ~ '.') -%}
        {{- return([]) -}}
    {%- endif -%}

    {#- never where something was published before: a folder that has gone may be one that is not mounted -#}
    {%- if asof.newest_publication() is none -%}{%- do asof.make_private_folder(folder) -%}{%- endif -%}
    {%- set created = asof.now(ticking=true) -%}
    {%- set snapshot_id = modules.re.sub('[^0-9]', '', created[:19])[:8] ~ 'T' ~ modules.re.sub('[^0-9]', '', created[11:19]) ~ 'Z-' ~ invocation_id[:8] -%}
    {%- do asof.fault_point('before_parquet') -%}
    {%- set groups = {} -%}
    {%- for entry in verdict.groups -%}
        {%- set spec = entry.spec -%}
        {%- set file = spec.base ~ '-' ~ snapshot_id ~ '.parquet' -%}
        {%- set order = spec['keys'] | map(attribute='name') | join(', ') -%}
        {%- set written = asof.export_parquet('select * from ' ~ spec.latest ~ ' order by ' ~ order, folder ~ '/' ~ file) -%}
        {%- do groups.update({spec.id: asof.group_manifest(spec, entry, file, written)}) -%}
        {%- do asof.fault_point('between_parquet') -%}
    {%- endfor -%}
    {%- do asof.fault_point('after_parquet') -%}
    {%- set services = {} -%}
    {%- for spec in verdict.services -%}
        {%- do services.update({spec.id: asof.service_manifest(spec)}) -%}
    {%- endfor -%}
    {%- set manifest = {
        'format': asof.current_version(), 'snapshot_id': snapshot_id, 'created_at': asof.rfc3339(created), 'now_injected': asof.now_is_injected(),
        'invocation_id': invocation_id, 'code_version': env_var('ASOF_CODE_VERSION', '') or none,
        'publish_lag_seconds': asof.publish_lag_seconds(), 'groups': groups, 'services': services,
    } -%}
    {%- do asof.write_text(folder ~ '/' ~ asof.manifest_name(snapshot_id), tojson(manifest)) -%}
    {%- set pointer = asof.move_pointer(snapshot_id, manifest, 'build', none) -%}
    {%- do asof.say('published ' ~ snapshot_id ~ ' as number ' ~ pointer.sequence_number ~ ' at ' ~ pointer.published_at ~ ': '
        ~ groups | length ~ ' groups, ' ~ services | length ~ ' services.') -%}
    {{- return([]) -}}
{% endmacro %}

{# Whether nothing would change: same services and groups, each of the same moment, run and definition. #}
{% macro same_snapshot(verdict, current) %}
    {%- set here, there = [], [] -%}
    {%- for entry in verdict.groups -%}
        {%- do here.append([entry.spec.id, entry.definition, asof.rfc3339(entry.as_of), entry.run_id, entry.spec.max_age_seconds]) -%}
    {%- endfor -%}
    {%- for spec in verdict.services -%}{%- do here.append([spec.id, asof.service_manifest(spec).definition]) -%}{%- endfor -%}
    {%- for id, group in current.groups.items() -%}
        {%- do there.append([id, group.definition, group.as_of, group.run_id, group.max_age_seconds]) -%}
    {%- endfor -%}
    {%- for id, service in current.services.items() -%}{%- do there.append([id, service.definition]) -%}{%- endfor -%}
    {{- return(tojson(here | sort) == tojson(there | sort)) -}}
{% endmacro %}

{#
  A published group or service keeps its meaning under its version. Holds the publication where its compiled text
  changed, unless a person accepted that very text (accept_definition), or it changed over an upgrade and gives the same
  values: a list of messages, empty where nothing is held.
#}
{% macro changed_definitions(verdict, current) %}
    {%- if current is none -%}{{- return([]) -}}{%- endif -%}
    {%- set messages = [] -%}
    {%- set built = [] -%}
    {%- for entry in verdict.groups -%}
        {%- do built.append({'id': entry.spec.id, 'kind': 'group', 'spec': entry.spec, 'now_': entry.definition,
            'was': current.groups.get(entry.spec.id)}) -%}
    {%- endfor -%}
    {%- for spec in verdict.services -%}
        {%- do built.append({'id': spec.id, 'kind': 'service', 'spec': spec,
            'now_': asof.service_manifest(spec).definition, 'was': current.services.get(spec.id)}) -%}
    {%- endfor -%}
    {%- set accepted_sql %}
        select id, definition from {{ asof.registry('accepted') }}
        union
        select id, definition from {{ asof.registry('equal_definitions') }}
    {%- endset -%}
    {%- set accepted = [] -%}
    {%- for id, definition in run_query(accepted_sql).rows -%}{%- do accepted.append([id, definition]) -%}{%- endfor -%}
    {%- set changed = [] -%}
    {%- for each in built if each.was and each.now_ != each.was.definition and [each.id, each.now_] not in accepted -%}
        {%- do changed.append(each) -%}
    {%- endfor -%}
    {%- set is_upgrade = current.format < asof.current_version() -%}
    {%- set differing = asof.accept_equal_definitions(changed) if is_upgrade
        else changed | map(attribute='id') | list -%}
    {%- for each in changed if each.id in differing -%}
        {%- set next_ = each.spec.version + 1 -%}
        {%- do messages.append('publication held: the compiled text of ' ~ each.id ~ ' changed since it was published under '
            ~ 'this version (' ~ each.was.definition[:19] ~ '... to ' ~ each.now_[:19] ~ '...)'
            ~ (', and was not found to give the same values, as said above.' if is_upgrade else '.')
            ~ ' A changed meaning is a new version: put the published text back and write version ' ~ next_
            ~ ' (asof new ' ~ ('feature ' if each.kind == 'group' else 'service ') ~ each.spec.name
            ~ ' --version ' ~ next_ ~ '). If the meaning is the same, accept it: dbt run-operation accept_definition --args '
            ~ '\'{id: ' ~ each.id ~ ', reason: "..."}\' and build again.') -%}
    {%- endfor -%}
    {{- return(messages) -}}
{% endmacro %}

{# `dbt run-operation accept_definition --args '{id: shipment@1, reason: "comment moved"}'`: lets the text as last built go out. #}
{% macro accept_definition(id, reason) %}
    {%- if not execute -%}{{- return('') -}}{%- endif -%}
    {%- do asof.open_records() -%}
    {%- set name, version = id.split('@') -%}
    {%- set services = asof.models_of('service') | selectattr('name', 'equalto', name) | list -%}
    {%- set definition = asof.service_manifest(asof.service_spec(name, version)).definition if services else asof.definition_in_force(id) -%}
    {%- do run_query(asof.insert_sql('accepted', [[id, definition, reason, asof.wall_clock()]])) -%}
    {%- do asof.say('accepted the present text of ' ~ id ~ ': ' ~ reason) -%}
{% endmacro %}
