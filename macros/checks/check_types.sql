{#
  Refuses what asof.column_types() does not name, before anything is built: types that the YAML of a group, a service or its
  examples declares, keys of types that are no keys', and lookups by a key of another type. Each message has the line to write.
  (That the SQL gives what its YAML declares is for check_built_types.)
#}
{% macro check_group_types(spec) %}
    {%- set where = spec.node.original_file_path ~ ': ' ~ spec.id -%}
    {%- do asof.check_declared_types(where, asof.declared_columns(spec.node)) -%}
    {%- for key in spec['keys'] -%}
        {%- set type = asof.parse_type(key.type) -%}
        {%- if not type.is_key -%}
            {{- asof.refuse(where ~ ' has the key ' ~ key.name ~ ' of type ' ~ key.type ~ ', which is no type of a key: equality does not tell its values '
                ~ 'apart for sure. Write `' ~ asof.cast_of('<expression>', type.cast) ~ ' as ' ~ key.name ~ '` in the staging models and in '
                ~ spec.entity.name ~ ' (' ~ spec.entity.original_file_path ~ '), and `data_type: ' ~ type.cast_type ~ '` in the YAML.') -}}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}

{% macro check_service_types(spec) %}
    {%- set where = spec.node.original_file_path ~ ': ' ~ spec.id -%}
    {%- set examples = spec.examples_node.original_file_path ~ ': ' ~ spec.examples_node.name -%}
    {%- set declared = asof.declared_columns(spec.examples_node) -%}
    {%- do asof.check_declared_types(where, asof.declared_columns(spec.node)) -%}
    {%- do asof.check_declared_types(examples, declared) -%}
    {%- set expected = {'prediction_time': 'timestamptz', 'label_known_at': 'timestamptz', 'sequence_number': 'bigint'} -%}
    {%- set found_by = {} -%}
    {%- for lookup in spec.groups -%}
        {%- for sent, key in zip(lookup.get('keys', []), lookup.spec['keys']) -%}
            {%- set first = found_by.get(sent, lookup) -%}
            {%- if expected.get(sent, key.type) != key.type -%}
                {{- asof.refuse(where ~ ' finds ' ~ first.group ~ ' and ' ~ lookup.group ~ ' by ' ~ sent ~ ', which is ' ~ expected[sent] ~ ' in the one and '
                    ~ key.type ~ ' in the other. ' ~ asof.equal_keys(key.name, expected[sent], lookup)) -}}
            {%- endif -%}
            {%- do expected.update({sent: key.type}) -%}
            {%- do found_by.update({sent: first}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- for lookup in spec.groups if lookup.via -%}
        {%- set key = lookup.spec['keys'][0] -%}
        {%- for feature in (spec.groups | selectattr('name', 'equalto', lookup.via.group) | first).features
                if feature.column == lookup.via.column and feature.type != key.type -%}
            {{- asof.refuse(where ~ ' looks ' ~ lookup.group ~ ' up through ' ~ lookup.via.group ~ '.' ~ lookup.via.column ~ ', which is ' ~ feature.type
                ~ ', but the key of ' ~ lookup.group ~ ', ' ~ key.name ~ ', is ' ~ key.type ~ '. ' ~ asof.equal_keys(key.name, feature.type, lookup)) -}}
        {%- endfor -%}
    {%- endfor -%}
    {%- for column in declared if expected.get(column.name, column.type) != column.type -%}
        {{- asof.refuse(examples ~ ' declares ' ~ column.name ~ ' as ' ~ column.type ~ '; ' ~ spec.id ~ ' needs it as ' ~ expected[column.name] ~ (', as ' ~ found_by[column.name].group ~ ' has it' if column.name in found_by else '')
            ~ '. Write `cast(<expression> as ' ~ expected[column.name] ~ ') as ' ~ column.name ~ '` in its SQL, and `data_type: ' ~ expected[column.name]
            ~ '` in its YAML.') -}}
    {%- endfor -%}
{% endmacro %}

{% macro equal_keys(key, type, lookup) %}
    {{- return('A key is found by values of its own type only. Make both of one type where they come from, as in `cast(<expression> as '
        ~ type ~ ') as ' ~ key ~ '` in the staging models of ' ~ lookup.spec.entity.name ~ ' (' ~ lookup.spec.entity.original_file_path ~ ').') -}}
{% endmacro %}

{# Refuses declared types that no column may have. where: the file and the model. #}
{% macro check_declared_types(where, columns) %}
    {%- for column in columns if column.type -%}
        {%- set type = asof.parse_type(column.type) -%}
        {%- if type.name is none -%}
            {{- asof.refuse(where ~ ' declares ' ~ column.name ~ ' as ' ~ column.type ~ ', which is no type of a column. Write `'
                ~ asof.cast_of('<expression>', type.cast) ~ ' as ' ~ column.name ~ '` in its SQL, and `data_type: ' ~ type.cast_type ~ '` in its YAML. '
                ~ asof.types_in_words() ~ '.') -}}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}

{#
  Refuses SQL that gives another type than its YAML declares, as the engine binds it. (dbt's contract does so too, but tells
  people to declare what was found.) All such columns are named at once.
  where: the file and the model; declared: columns; given: {name: type} of the SQL.
#}
{% macro check_built_types(where, declared, given) %}
    {%- set types, problems = {}, [] -%}
    {%- for name, type in given.items() -%}{%- do types.update({name | lower: type}) -%}{%- endfor -%}
    {%- for column in declared if column.name | lower in types -%}
        {%- set type = types[column.name | lower] -%}
        {%- set found = asof.parse_type(type) -%}
        {%- if found.name != column.type -%}
            {%- set own = found.cast if found.name is none and not found.cast.startswith('cast(x as') else 'cast(x as ' ~ column.type ~ ')' -%}
            {%- do problems.append(where ~ ' declares ' ~ column.name ~ ' as ' ~ column.type ~ ', but its SQL gives ' ~ (found.name or type)
                ~ '. Write `' ~ asof.cast_of('sum(x)' if type == 'hugeint' else '<expression>', own) ~ ' as ' ~ column.name ~ '`'
                ~ (', or declare `data_type: ' ~ found.name ~ '`.' if found.name else ': ' ~ type ~ ' is no type of a column'
                ~ (' (every sum of integers is one)' if type == 'hugeint' else '') ~ '. ' ~ asof.types_in_words() ~ '.')) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do asof.refuse_all(problems) -%}
{% endmacro %}

{# A cast of x, of another expression. #}
{% macro cast_of(expression, cast_) %}
    {{- return(modules.re.sub('\\bx\\b', expression, cast_, count=1)) -}}
{% endmacro %}

{#
  Refuses a group whose built SQL, whose entity or whose events have other types than it declares: a join by a key of another type
  finds what a lookup does not, since SQL casts. A column of an event model that is named as a key is taken for it.
#}
{% macro check_built_group(spec, compiled_sql) %}
    {%- set where = spec.node.original_file_path ~ ': ' ~ spec.id -%}
    {%- do asof.check_built_types(where, asof.declared_columns(spec.node), asof.columns_of('(' ~ compiled_sql ~ '\n)')) -%}
    {%- for node in [spec.entity] + spec.events -%}
        {%- set relation = asof.relation_of(node) if node == spec.entity else asof.event_relation(spec.node, node) -%}
        {#- an ephemeral event model has no relation before a run without --empty -#}
        {%- set given = {} if load_relation(relation) is none else asof.columns_of(relation) -%}
        {%- for key in spec['keys'] if key.name in given -%}
            {%- set found = asof.parse_type(given[key.name]).name or given[key.name] -%}
            {%- if found != key.type -%}
                {{- asof.refuse(where ~ ' declares its key ' ~ key.name ~ ' as ' ~ key.type ~ ', but in ' ~ node.name ~ ' (' ~ node.original_file_path ~ ') it is '
                    ~ found ~ '. A key is found by values of its own type only: write `cast(<expression> as ' ~ key.type ~ ') as ' ~ key.name ~ '` there'
                    ~ (', or declare `data_type: ' ~ found ~ '` for all that have it.' if asof.parse_type(found).is_key else '.')) -}}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
{% endmacro %}
