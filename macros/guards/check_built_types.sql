{#
  Refuses SQL that gives another type than its YAML declares, as the engine binds it. (dbt's contract does so too, but
  tells people to declare what was found.) All such columns are named at once. where: the file and the model;
  declared: columns; given: {name: type} of the SQL.
#}
{% macro check_built_types(where, declared, given) %}
    {%- set types, problems = {}, [] -%}
    {%- for name, type in given.items() -%}{%- do types.update({name | lower: type}) -%}{%- endfor -%}
    {%- for column in declared if column.name | lower in types -%}
        {%- set type = types[column.name | lower] -%}
        {%- set found = asof.parse_type(type) -%}
        {%- if found.name != column.type -%}
            {%- set own = found.cast if found.name is none and not found.cast.startswith('cast(x as')
                else 'cast(x as ' ~ column.type ~ ')' -%}
            {%- do problems.append(where ~ ' declares ' ~ column.name ~ ' as ' ~ column.type ~ ', but its SQL gives '
                ~ (found.name or type) ~ '. Write `' ~ asof.cast_of('sum(x)' if type == 'hugeint' else '<expression>',
                own) ~ ' as ' ~ column.name ~ '`' ~ (', or declare `data_type: ' ~ found.name ~ '`.' if found.name
                else ': ' ~ type ~ ' is no type of a column' ~ (' (every sum of integers is one)' if type == 'hugeint'
                else '') ~ '. ' ~ asof.types_in_words() ~ '.')) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do asof.refuse_all(problems) -%}
{% endmacro %}

{#
  Refuses a group whose built SQL, whose entity or whose events have other types than it declares: a join by a key of
  another type finds what a lookup does not, since SQL casts. A column of an event model that is named as a key is
  taken for it.
#}
{% macro check_built_group(spec, compiled_sql) %}
    {%- set where = spec.node.original_file_path ~ ': ' ~ spec.id -%}
    {%- do asof.check_built_types(where, asof.declared_columns(spec.node), asof.columns_of('(' ~ compiled_sql
        ~ '\n)')) -%}
    {%- for node in [spec.entity] + spec.events -%}
        {%- set relation = asof.relation_of(node) if node == spec.entity else asof.event_relation(spec.node, node) -%}
        {#- an ephemeral event model has no relation before a run without --empty -#}
        {%- set given = {} if load_relation(relation) is none else asof.columns_of(relation) -%}
        {%- for key in spec['keys'] if key.name in given -%}
            {%- set found = asof.parse_type(given[key.name]).name or given[key.name] -%}
            {%- if found != key.type -%}
                {{- asof.refuse(where ~ ' declares its key ' ~ key.name ~ ' as ' ~ key.type ~ ', but in ' ~ node.name
                    ~ ' (' ~ node.original_file_path ~ ') it is ' ~ found ~ '. A key is found by values of its own '
                    ~ 'type only: write `cast(<expression> as ' ~ key.type ~ ') as ' ~ key.name ~ '` there'
                    ~ (', or declare `data_type: ' ~ found ~ '` for all that have it.'
                    if asof.parse_type(found).is_key else '.')) -}}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
{% endmacro %}
