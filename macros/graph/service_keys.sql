{# The keys that the caller sends, each once: {name, type, description, meta}, of the type of the group's own. #}
{% macro service_keys(lookups, example_columns) %}
    {%- set described = {} -%}
    {%- for column in example_columns -%}{%- do described.update({column.name: column}) -%}{%- endfor -%}
    {%- set keys = [] -%}
    {%- for lookup in lookups if not lookup.via -%}
        {%- for sent, key in zip(lookup['keys'], lookup.spec['keys']) if sent not in keys | map(attribute='name') -%}
            {%- set told = described.get(sent, key) if sent != key.name else key -%}
            {%- do keys.append({'name': sent, 'type': key.type, 'description': told.description,
                'meta': dict(key.meta, **told.meta)}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{- return(keys) -}}
{% endmacro %}

{# What the caller sends for a group's keys, in their order, by what the YAML says of it; none if that does not fit. #}
{% macro sent_keys(said, own_keys) %}
    {%- if said is string and own_keys | length == 1 -%}{{- return([said]) -}}{%- endif -%}
    {%- if said is mapping and said.keys() | sort == own_keys | sort -%}
        {%- set sent = [] -%}
        {%- for key in own_keys -%}{%- do sent.append(said[key]) -%}{%- endfor -%}
        {{- return(sent) -}}
    {%- endif -%}
    {{- return(own_keys if said is sameas own_keys else none) -}}
{% endmacro %}
