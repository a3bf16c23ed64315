{% macro check_service_types(spec) %}
    {%- set where = spec.node.original_file_path ~ ': ' ~ spec.id -%}
    {%- set examples = spec.examples_node.original_file_path ~ ': ' ~ spec.examples_node.name -%}
    {%- set declared = asof.declared_columns(spec.examples_node) -%}
    {%- do asof.check_declared_types(where, asof.declared_columns(spec.node)) -%}
    {%- do asof.check_declared_types(examples, declared) -%}
    {%- set expected = {'prediction_time': 'timestamptz', 'label_known_at': 'timestamptz',
        'sequence_number': 'bigint'} -%}
    {%- set found_by = {} -%}
    {%- for lookup in spec.groups -%}
        {%- for sent, key in zip(lookup.get('keys', []), lookup.spec['keys']) -%}
            {%- set first = found_by.get(sent, lookup) -%}
            {%- if expected.get(sent, key.type) != key.type -%}
                {{- asof.refuse(where ~ ' finds ' ~ first.group ~ ' and ' ~ lookup.group ~ ' by ' ~ sent
                    ~ ', which is ' ~ expected[sent] ~ ' in the one and ' ~ key.type ~ ' in the other. '
                    ~ asof.equal_keys(key.name, expected[sent], lookup)) -}}
            {%- endif -%}
            {%- do expected.update({sent: key.type}) -%}
            {%- do found_by.update({sent: first}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- for lookup in spec.groups if lookup.via -%}
        {%- set key = lookup.spec['keys'][0] -%}
        {%- for feature in (spec.groups | selectattr('name', 'equalto', lookup.via.group) | first).features
                if feature.column == lookup.via.column and feature.type != key.type -%}
            {{- asof.refuse(where ~ ' looks ' ~ lookup.group ~ ' up through ' ~ lookup.via.group ~ '.'
                ~ lookup.via.column ~ ', which is ' ~ feature.type ~ ', but the key of ' ~ lookup.group ~ ', '
                ~ key.name ~ ', is ' ~ key.type ~ '. ' ~ asof.equal_keys(key.name, feature.type, lookup)) -}}
        {%- endfor -%}
    {%- endfor -%}
    {%- for column in declared if expected.get(column.name, column.type) != column.type -%}
        {{- asof.refuse(examples ~ ' declares ' ~ column.name ~ ' as ' ~ column.type ~ '; ' ~ spec.id
            ~ ' needs it as ' ~ expected[column.name] ~ (', as ' ~ found_by[column.name].group ~ ' has it'
            if column.name in found_by else '') ~ '. Write `cast(<expression> as ' ~ expected[column.name] ~ ') as '
                ~ column.name ~ '` in its SQL, and `data_type: ' ~ expected[column.name] ~ '` in its YAML.') -}}
    {%- endfor -%}
{% endmacro %}

{% macro equal_keys(key, type, lookup) %}
    {{- return('A key is found by values of its own type only. Make both of one type where they come from, as in '
        ~ '`cast(<expression> as ' ~ type ~ ') as ' ~ key ~ '` in the staging models of ' ~ lookup.spec.entity.name
        ~ ' (' ~ lookup.spec.entity.original_file_path ~ ').') -}}
{% endmacro %}
