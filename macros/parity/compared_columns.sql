{# The service's features with the types that they are compared in, each of which holds all that JSON may spell. #}
{% macro compared_columns(contract) %}
    {%- set columns = [] -%}
    {%- for feature in contract.features -%}
        {%- set type = asof.parse_type(feature.type).name or feature.type -%}
        {%- do columns.append({'name': feature.name, 'type': asof.finest_decimal(type) | replace('float',
            'double')}) -%}
    {%- endfor -%}
    {{- return(columns) -}}
{% endmacro %}

{# The keys and request columns as the log holds them: of personal ones hashes, which are text. #}
{% macro logged_columns(contract) %}
    {%- set columns = [] -%}
    {%- for column in contract['keys'] + contract.request -%}
        {%- do columns.append({'name': column.name, 'type': 'varchar' if column.personal else column.type}) -%}
    {%- endfor -%}
    {{- return(columns) -}}
{% endmacro %}

{# Every value of a key that the histories of a service's groups hold, once. #}
{% macro known_keys_sql(contract, key) -%}
    {%- set selects = [] -%}
    {%- for group in contract.groups if key in group.get('keys', []) -%}
        {%- set own = group.spec['keys'][group['keys'].index(key)].name -%}
        {%- do selects.append('select ' ~ own ~ ' as ' ~ key ~ ' from ' ~ contract.histories[group.group]) -%}
    {%- endfor -%}
    select distinct {{ key }} from ({{ selects | join(' union all ') }}) as stored
{%- endmacro %}

{% macro why_lost() %}{{ return('its publication is lost, since an older warehouse was restored') }}{% endmacro %}
