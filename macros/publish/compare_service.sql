{#
  A service's text as last built against the one that was published: {compared, differs}, one of them none. Both answer
  the same requests. was: its entry in the published manifest.
#}
{% macro compare_service(spec, was) %}
    {%- set contract = asof.contract_of(spec.id, was.definition) -%}
    {%- if contract is none -%}
        {{- return({'differs': 'the one that was published is not on record here.'}) -}}
    {%- elif contract.gone -%}
        {{- return({'differs': 'the one that was published read ' ~ contract.gone ~ ', which is no longer in the '
            ~ 'project.'}) -}}
    {%- endif -%}
    {%- set now_ = asof.service_manifest(spec) -%}
    {%- set declares = asof.interface_of(now_) -%}
    {%- for part, before in asof.interface_of(was).items() if tojson(before) != tojson(declares[part]) -%}
        {{- return({'differs': 'it declares other ' ~ part ~ ': ' ~ tojson(declares[part]) ~ ', before '
            ~ tojson(before) ~ '.'}) -}}
    {%- endfor -%}
    {%- set compared_sql = asof.compared_answers_sql(spec, contract, now_.sql) -%}
    {%- set sql -%}
        select count(*), count(*) filter (where asof_differs)
        from ({{ compared_sql }}) as compared
    {%- endset -%}
    {%- set answers, count = run_query(sql).rows[0].values() -%}
    {%- if answers | int == 0 -%}
        {{- return({'differs': 'there is no example and no entity to compare its answers for.'}) -}}
    {%- endif -%}
    {%- set compared = answers ~ ' answers to examples and entities' -%}
    {%- if count | int == 0 -%}{{- return({'compared': compared}) -}}{%- endif -%}
    {%- set sql -%}
        select *
        from ({{ compared_sql }}) as compared
        where asof_differs
        order by row_id
        limit 3
    {%- endset -%}
    {%- set few = run_query(sql) -%}
    {{- return({'differs': 'gives other values than the published one in ' ~ count ~ ' of ' ~ compared ~ ': '
        ~ asof.rows_in_words(few)}) -}}
{% endmacro %}

{# What a service declares to callers in a manifest, apart from texts. #}
{% macro interface_of(service) %}
    {%- set request, groups, features = [], [], [] -%}
    {%- for column in service.request -%}
        {%- do request.append([column.name, column.type, column.required]) -%}
    {%- endfor -%}
    {%- for group in service.groups -%}
        {%- do groups.append([group.name, group.group, group.get('keys'), group.get('via')]) -%}
    {%- endfor -%}
    {%- for feature in service.features -%}{%- do features.append([feature.name, feature.type]) -%}{%- endfor -%}
    {{- return({'keys': asof.names_and_types(service['keys']), 'request columns': request, 'groups': groups,
        'columns': features}) -}}
{% endmacro %}
