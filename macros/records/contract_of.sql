{#
  A published definition of a service, as looked_up_sql wants it: {id, keys, request, groups, features, sql, histories,
  has_sequence_number, gone}; none where this warehouse never published it. gone: a group that the project no longer
  has.
#}
{% macro contract_of(id, definition) %}
    {%- set sql -%}
        select contract
        from {{ asof.registry('contracts') }}
        where service_id = {{ asof.literal(id) }} and definition = {{ asof.literal(definition) }}
    {%- endset -%}
    {%- set found = run_query(sql).rows -%}
    {%- if found | length == 0 -%}{{- return(none) -}}{%- endif -%}
    {%- set contract = asof.contract_as_current(fromjson(found[0][0])) -%}
    {%- set histories = {} -%}
    {%- for group in contract.groups -%}
        {%- set features = [] -%}
        {%- for column in contract.looked_up if column.source == 'feature' and column.lookup == group.name -%}
            {%- do features.append(column) -%}
        {%- endfor -%}
        {%- do group.update({'features': features}) -%}
        {%- set history = asof.model_named(group.group | replace('@', '_v') ~ '_history') -%}
        {%- if history is none -%}{%- do contract.update({'gone': group.group}) -%}
        {%- else -%}{%- do histories.update({group.group: asof.relation_of(history)}) -%}{%- endif -%}
    {%- endfor -%}
    {%- for group in contract.groups if group.via -%}
        {%- do group.update({'via_column': asof.via_column(group, contract.groups)}) -%}
    {%- endfor -%}
    {%- do contract.update({'id': id, 'histories': histories, 'has_sequence_number': true}) -%}
    {{- return(contract) -}}
{% endmacro %}

{# What is kept of a service in a manifest: all that its answers can be rebuilt by. #}
{% macro contract_in(manifest, service) %}
    {%- set groups, features = [], [] -%}
    {%- for group in service.groups -%}
        {%- set stored = manifest.groups[group.group] -%}
        {%- set read = {'name': group.name, 'group': group.group,
            'spec': {'keys': asof.names_and_types(stored['keys'])}} -%}
        {%- do read.update({'via': group.via} if group.via else {'keys': group['keys']}) -%}
        {%- do groups.append(read) -%}
    {%- endfor -%}
    {{- return({'keys': asof.names_and_types(service['keys']), 'request': asof.names_and_types(service.request),
        'groups': groups,
        'features': asof.names_and_types(service.features), 'looked_up': service.looked_up, 'sql': service.sql,
        'text': service.sql.split(service.name ~ '_v' ~ service.version ~ ' as (')[1]}) -}}
{% endmacro %}
