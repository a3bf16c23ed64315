{# A manifest of any version that this package reads, as the current version would have written it. #}
{% macro manifest_as_current(manifest) %}
    {%- if manifest.format < 2 -%}
        {%- for service in manifest.services.values() -%}
            {%- set features = {} -%}
            {%- for group in service.groups -%}
                {%- do features.update({group.name: manifest.groups[group.group].features}) -%}
            {%- endfor -%}
            {%- do service.update(asof.looked_up_from_1(service, features)) -%}
        {%- endfor -%}
    {%- endif -%}
    {{- return(manifest) -}}
{% endmacro %}

{# A contract as it is stored (see asof.contract_in), as the current version would have written it. #}
{% macro contract_as_current(contract) %}
    {%- if not contract.looked_up -%}
        {%- set features = {} -%}
        {%- for group in contract.groups -%}{%- do features.update({group.name: group.spec.features}) -%}{%- endfor -%}
        {%- do contract.update(asof.looked_up_from_1(contract, features)) -%}
    {%- endif -%}
    {{- return(contract) -}}
{% endmacro %}

{#
  {looked_up, sql} of a service of version 1: its text read `looked_up`, whose own columns had two underscores in their
  names, and nothing said where the others are from. features: of its groups, by their name.
#}
{% macro looked_up_from_1(service, features) %}
    {%- set lookups, renamed = [], [] -%}
    {%- for group in service.groups -%}
        {%- set columns = [] -%}
        {%- for feature in features[group.name] -%}
            {%- do columns.append({'name': feature.name, 'column': feature.name, 'type': feature.type}) -%}
        {%- endfor -%}
        {%- do lookups.append({'name': group.name, 'features': columns}) -%}
        {%- for source in ['found', 'as_of', 'max_age_seconds'] -%}
            {%- do renamed.append('asof_' ~ source ~ '_' ~ group.name ~ ' as ' ~ group.name ~ '__' ~ source) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- set looked_up = 'looked_up as (select *, ' ~ renamed | join(', ') ~ ' from asof_looked_up)' -%}
    {{- return({'looked_up': asof.looked_up_columns(service['keys'], service.request, lookups),
        'sql': 'with ' ~ looked_up ~ ', ' ~ service.sql[5:]}) -}}
{% endmacro %}
