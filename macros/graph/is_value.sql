{#
  Whether a value is of a type of configuration(). Times and backfills are read, and refused, where they are used
  (time/).
#}
{% macro is_value(type, value) %}
    {%- set is_number = value is number and value is not boolean -%}
    {%- if type == 'text' -%}{{- return(value is string and value | trim | length > 0) -}}
    {%- elif type == 'length' -%}{{- return(asof.seconds_in(value) is not none) -}}
    {%- elif type == 'boolean' -%}{{- return(value is boolean) -}}
    {%- elif type == 'fraction' -%}{{- return(is_number and 0 <= value <= 1) -}}
    {%- elif type == 'list' -%}{{- return(asof.is_list(value) and value | length > 0 and none not in value) -}}
    {%- elif type == 'missing' -%}{{- return(value in ['reject', 'allow']) -}}
    {%- elif type == 'out_of_range' -%}{{- return(value is none or value in ['null', 'reject']) -}}
    {%- elif type == 'health' -%}{{- return(value is mapping or value is false) -}}
    {%- elif type in ['lookups', 'folders'] -%}
        {%- if value is not mapping -%}{{- return(false) -}}{%- endif -%}
        {%- for each in value.values() if not (each is string and each | trim) and not (type == 'lookups'
            and each is mapping) -%}
            {{- return(false) -}}
        {%- endfor -%}
        {{- return(true) -}}
    {%- elif type == 'range' -%}
        {%- if not asof.is_list(value) or value | length != 2 or value == [none, none] -%}
            {{- return(false) -}}
        {%- endif -%}
        {%- for end in value if end is not none and (end is boolean or end is not number) -%}
            {{- return(false) -}}
        {%- endfor -%}
        {{- return(none in value or value[0] <= value[1]) -}}
    {%- endif -%}
    {{- return(true) -}}
{% endmacro %}

{% macro is_list(value) %}
    {{- return(value is iterable and value is not string and value is not mapping) -}}
{% endmacro %}

{# A type of configuration() in words, with an example. #}
{% macro expected_value(type) %}
    {{- return({
        'text': 'text',
        'length': "a fixed length such as '15 minutes' or '2 hours'",
        'boolean': 'true or false',
        'fraction': 'a number from 0 to 1',
        'range': 'two numbers, [lowest, highest], null for an open end',
        'list': 'a list of values',
        'missing': 'reject or allow',
        'out_of_range': 'null or reject',
        'lookups': 'a mapping, as in {origin: shipment.origin_warehouse_id}',
        'health': 'false, or a mapping of rules, as in {null_rate: {hold: 0.2}, mean: false}',
        'folders': 'a mapping of targets to paths, as in {dev: published}',
        'time': 'a time with its offset, as in 2026-05-01T08:58:00Z, or a date, which means midnight UTC',
        'backfill': '{from: 2026-01-01, to: 2026-04-30, every: 1 day}',
    }[type]) -}}
{% endmacro %}

{# Where a key of configuration() may stand, in words. roles: its `of`. #}
{% macro roles_in_words(roles) %}
    {%- set words = {'group': 'feature groups', 'service': 'services', 'event': 'event models',
        'examples': 'examples', 'source': 'sources',
        'seed': 'seeds', 'snapshot': 'snapshots', 'other': 'models of other folders'} -%}
    {%- set said = [] -%}
    {%- for role in roles -%}{%- do said.append(words[role]) -%}{%- endfor -%}
    {{- return(said | join(', ')) -}}
{% endmacro %}
