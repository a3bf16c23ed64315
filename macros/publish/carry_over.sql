{#
  What goes into the snapshot to be beside the components that go out: {groups, services} of the current manifest,
  as they stand in it. Carried are the held groups and services of the project that are in it, and with each service
  the groups that it reads there, even if the project no longer has them. A carried service keeps its published
  text, which was tested on the tables that it reads there. So a component with one of these groups is held too, and
  told so in its `reason`.
#}
{% macro carry_over(components, current) %}
    {%- if current is none -%}{{- return({'groups': {}, 'services': {}}) -}}{%- endif -%}
    {%- set ns = namespace(carried=none, is_settled=false) -%}
    {%- for _ in range(components | length + 1) if not ns.is_settled -%}
        {%- set going, held = [], [] -%}
        {%- for component in components -%}
            {%- do (going if component.reason is none else held).extend(component.ids) -%}
        {%- endfor -%}
        {%- set carried = {'groups': {}, 'services': {}} -%}
        {%- set read = {} -%}
        {%- for id, service in current.services.items() if id in held -%}
            {%- do carried.services.update({id: asof.carried_entry(service, current)}) -%}
            {%- for lookup in service.groups -%}{%- do read.update({lookup.group: id}) -%}{%- endfor -%}
        {%- endfor -%}
        {%- for id, group in current.groups.items() if id not in going and (id in held or id in read) -%}
            {%- do carried.groups.update({id: asof.carried_entry(group, current)}) -%}
        {%- endfor -%}
        {%- set ns.carried, ns.is_settled = carried, true -%}
        {%- for component in components if component.reason is none -%}
            {%- for id in component.ids if id in read and component.reason is none -%}
                {%- set ns.is_settled = false -%}
                {%- do component.update({'is_failure': true, 'reason': read[id] ~ ' is carried over and reads ' ~ id
                    ~ ' by the text that was published before, which was not tested on a new ' ~ id ~ '.'}) -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endfor -%}
    {{- return(ns.carried) -}}
{% endmacro %}

{# An entry of a manifest, with the snapshot that it was made in: before version 3, that of the manifest. #}
{% macro carried_entry(entry, manifest) %}
    {%- set carried = asof.made_now(manifest) -%}
    {%- do carried.update(entry) -%}
    {{- return(carried) -}}
{% endmacro %}

{# What a manifest says of each group and service that was made with it. #}
{% macro made_now(manifest) %}
    {{- return({'format': manifest.format, 'made_in': manifest.snapshot_id, 'made_at': manifest.created_at,
        'invocation_id': manifest.invocation_id,
        'code_version': manifest.code_version, 'now_injected': manifest.now_injected}) -}}
{% endmacro %}

{#
  Says which version the bare name of each service means: the project's latest_version where the snapshot holds it,
  else what it meant before.
#}
{% macro name_latest_versions(services, current) %}
    {%- set latest = {} -%}
    {%- for service in (current.services if current is not none else {}).values() if service.is_latest -%}
        {%- do latest.update({service.name: service.version}) -%}
    {%- endfor -%}
    {%- for node in asof.models_of('service') if node.name ~ '@' ~ node.latest_version in services -%}
        {%- do latest.update({node.name: node.latest_version}) -%}
    {%- endfor -%}
    {%- for service in services.values() -%}
        {%- do service.update({'is_latest': service.version | string == latest.get(service.name) | string}) -%}
    {%- endfor -%}
{% endmacro %}
