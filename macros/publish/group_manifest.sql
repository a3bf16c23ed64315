{# What the manifest says of a group. Types as declared; times RFC 3339 UTC. profiles: of its columns, by name. #}
{% macro group_manifest(spec, entry, file, written, profiles) %}
    {%- set features = [] -%}
    {%- for feature in spec.features -%}
        {%- do features.append({'name': feature.name, 'type': feature.type, 'description': feature.description,
            'profile': profiles.get(feature.name)}) -%}
    {%- endfor -%}
    {{- return({
        'name': spec.name, 'version': spec.version, 'description': spec.node.description,
        'owner': asof.owner_of(spec.node),
        'as_of': asof.rfc3339(entry.as_of), 'run_id': entry.run_id, 'max_age_seconds': spec.max_age_seconds,
        'target_seconds': spec.target_seconds,
        'keys': asof.column_list(spec['keys']), 'features': features, 'definition': entry.definition,
        'not_knowledge_safe': asof.not_knowledge_safe(spec.events), 'on_trust': asof.on_trust([spec.node]),
        'newest_known_at': asof.newest_known_at(spec, entry.as_of),
        'file': file, 'rows': written.rows, 'bytes': written.bytes, 'sha256': written.sha256,
    }) -}}
{% endmacro %}

{#
  When the newest event became known that a group knew at its `as_of`, RFC 3339; none without events. A feed that
  stopped shows in it.
#}
{% macro newest_known_at(spec, as_of) %}
    {%- if spec.events | length == 0 -%}{{- return(none) -}}{%- endif -%}
    {%- if asof.handover() is not none -%}
        {%- set newest = [] -%}
        {%- for event in spec.events -%}
            {%- do newest.append(asof.handed_over_known(event, as_of).newest) -%}
        {%- endfor -%}
        {%- set newest = newest | select | max -%}
        {{- return(asof.rfc3339(newest) if newest else none) -}}
    {%- endif -%}
    {%- set sql -%}
        select max(known_at)
        from (
            {%- for event in spec.events %}
            select max(known_at) as known_at
            from {{ asof.event_relation(spec.node, event) }}
            where known_at <= {{ asof.sql_time(as_of) }}
            {{ 'union all' if not loop.last }}
            {%- endfor %}
        ) as newest
    {%- endset -%}
    {%- set found = run_query(sql).rows[0][0] -%}
    {{- return(asof.rfc3339(asof.time_literal(found)) if found is not none else none) -}}
{% endmacro %}
