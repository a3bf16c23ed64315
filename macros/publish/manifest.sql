{# What the manifest says of a group. Types as declared; times RFC 3339 UTC. #}
{% macro group_manifest(spec, entry, file, written) %}
    {%- set features = [] -%}
    {%- for feature in spec.features -%}
        {%- do features.append({'name': feature.name, 'type': feature.type, 'description': feature.description,
            'profile': asof.column_profile(spec.latest, feature)}) -%}
    {%- endfor -%}
    {{- return({
        'name': spec.name, 'version': spec.version, 'description': spec.node.description, 'owner': asof.owner_of(spec.node),
        'as_of': asof.rfc3339(entry.as_of), 'run_id': entry.run_id, 'max_age_seconds': spec.max_age_seconds,
        'keys': asof.column_list(spec['keys']), 'features': features, 'definition': entry.definition,
        'not_knowledge_safe': asof.not_knowledge_safe(spec.events), 'on_trust': asof.on_trust([spec.node]),
        'newest_known_at': asof.newest_known_at(spec, entry.as_of),
        'file': file, 'rows': written.rows, 'bytes': written.bytes, 'sha256': written.sha256,
    }) -}}
{% endmacro %}

{# When the newest event became known that a group knew at its `as_of`, RFC 3339; none without events. A feed that stopped shows in it. #}
{% macro newest_known_at(spec, as_of) %}
    {%- if spec.events | length == 0 -%}{{- return(none) -}}{%- endif -%}
    {%- set newest = [] -%}
    {%- for event in spec.events -%}
        {%- do newest.append('select max(known_at) as known_at from ' ~ asof.event_relation(spec.node, event)
            ~ ' where known_at <= ' ~ asof.sql_time(as_of)) -%}
    {%- endfor -%}
    {%- set found = run_query('select max(known_at) from (' ~ newest | join(' union all ') ~ ') as newest').rows[0][0] -%}
    {{- return(asof.rfc3339(asof.time_literal(found)) if found is not none else none) -}}
{% endmacro %}

{% macro column_list(columns) %}
    {%- set out = [] -%}
    {%- for column in columns -%}{%- do out.append({'name': column.name, 'type': column.type, 'description': column.description, 'personal': asof.is_personal(column)}) -%}{%- endfor -%}
    {{- return(out) -}}
{% endmacro %}

{# Whether a key or request column is declared `personal: true`: the request log then holds a hash of it only. #}
{% macro is_personal(column) %}
    {{- return(column.meta.get('personal', false)) -}}
{% endmacro %}

{# What a feature looked like when it was published: {rows, nulls, min, max, mean}, as text where not a number. #}
{% macro column_profile(relation, column) %}
    {%- set name, type = column.name, column.type -%}
    {%- set digits = modules.re.match('^decimal\((\d+),', type) -%}
    {%- set mean = 'null' -%}
    {%- if type in ['tinyint', 'smallint', 'integer', 'bigint'] or (digits and digits.group(1) | int <= 18 and not type.endswith('[]')) -%}
        {%- set mean = 'avg(' ~ name ~ ')' -%}
    {%- elif type in ['float', 'double'] or (digits and not type.endswith('[]')) -%}
        {#- in an order, since sums of floats depend on it; sums of long decimals have more digits than a decimal has -#}
        {%- set mean = 'avg(cast(' ~ name ~ ' as double) order by ' ~ name ~ ')' -%}
    {%- endif -%}
    {%- set sql -%}
        select count(*), count(*) - count({{ name }}), cast(min({{ name }}) as varchar), cast(max({{ name }}) as varchar), {{ mean }}
        from {{ relation }}
    {%- endset -%}
    {%- set row = run_query(sql).rows[0] -%}
    {{- return({'rows': row[0] | int, 'nulls': row[1] | int, 'min': row[2], 'max': row[3], 'mean': row[4] | float if row[4] is not none else none}) -}}
{% endmacro %}

{# What the manifest says of a service: all that the shim needs to answer for it. `definition` covers what changes an answer. #}
{% macro service_manifest(spec) %}
    {%- set found = run_query("select compiled_sql from " ~ asof.registry('definitions') ~ " where id = '" ~ spec.id ~ "'").rows -%}
    {%- if found | length == 0 -%}
        {{- asof.refuse(spec.id ~ ' was never built in this warehouse: run `dbt build`.') -}}
    {%- endif -%}
    {%- set request, groups, features = [], [], [] -%}
    {%- for column in spec.request -%}
        {%- do request.append({'name': column.name, 'type': column.type, 'required': not column.meta.get('optional', false), 'description': column.description,
            'personal': asof.is_personal(column), 'range': column.meta.get('range'), 'categories': column.meta.get('categories')}) -%}
    {%- endfor -%}
    {%- for group in spec.groups -%}
        {%- do groups.append({'name': group.name, 'group': group.group, 'via': group.via} if group.via else {'name': group.name, 'group': group.group, 'keys': group['keys']}) -%}
    {%- endfor -%}
    {%- for feature in spec.features -%}
        {%- do features.append({'name': feature.name, 'type': feature.type, 'description': feature.description, 'missing': feature.meta.get('missing', 'allow'),
            'range': feature.meta.get('range'), 'out_of_range': 'null' if asof.is_null_outside(feature) else 'reject',
            'categories': feature.meta.get('categories')}) -%}
    {%- endfor -%}
    {%- set sql = asof.served_sql(spec, found[0][0]) | trim -%}
    {%- set meaning = [asof.normalised(sql), groups] -%}
    {%- for said in ['name', 'type', 'required', 'range', 'categories'] -%}
        {%- do meaning.append(request | map(attribute=said) | list) -%}
    {%- endfor -%}
    {{- return({
        'name': spec.name, 'version': spec.version, 'is_latest': spec.version | string == spec.node.latest_version | string,
        'description': spec.node.description, 'owner': asof.owner_of(spec.node), 'definition': 'sha256:' ~ asof.sha256(tojson(meaning)),
        'keys': asof.column_list(spec['keys']), 'request': request, 'groups': groups, 'features': features,
        'looked_up': spec.looked_up, 'sql': sql,
    }) -}}
{% endmacro %}
