{#
  What the manifest says of a service: all that the shim needs to answer for it. `definition` covers what changes
  an answer.
#}
{% macro service_manifest(spec) %}
    {%- set text = asof.text_in_force(spec.id) -%}
    {%- if text is none -%}
        {{- asof.refuse(spec.id ~ ' was never built in this warehouse: run `dbt build`.') -}}
    {%- endif -%}
    {%- set request, groups, features = [], [], [] -%}
    {%- for column in spec.request -%}
        {%- do request.append({'name': column.name, 'type': column.type, 'required': not column.meta.get('optional',
            false), 'description': column.description,
            'personal': asof.is_personal(column), 'range': column.meta.get('range'),
            'categories': column.meta.get('categories')}) -%}
    {%- endfor -%}
    {%- for group in spec.groups -%}
        {%- do groups.append({'name': group.name, 'group': group.group, 'via': group.via} if group.via
            else {'name': group.name, 'group': group.group, 'keys': group['keys']}) -%}
    {%- endfor -%}
    {%- for feature in spec.features -%}
        {%- do features.append({'name': feature.name, 'type': feature.type, 'description': feature.description,
            'missing': feature.meta.get('missing', 'allow'),
            'range': feature.meta.get('range'), 'out_of_range': 'null' if asof.is_null_outside(feature) else 'reject',
            'categories': feature.meta.get('categories')}) -%}
    {%- endfor -%}
    {%- set sql = asof.served_sql(spec, text) | trim -%}
    {%- set meaning = [asof.normalised(sql), groups] -%}
    {%- for said in ['name', 'type', 'required', 'range', 'categories'] -%}
        {%- do meaning.append(request | map(attribute=said) | list) -%}
    {%- endfor -%}
    {{- return({
        'name': spec.name, 'version': spec.version,
        'is_latest': spec.version | string == spec.node.latest_version | string,
        'description': spec.node.description, 'owner': asof.owner_of(spec.node), 'definition': 'sha256:'
            ~ asof.sha256(tojson(meaning)),
        'keys': asof.column_list(spec['keys']), 'request': request, 'groups': groups, 'features': features,
        'looked_up': spec.looked_up, 'sql': sql,
    }) -}}
{% endmacro %}
