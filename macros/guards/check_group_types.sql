{#
  Refuses what asof.column_types() does not name, before anything is built: types that the YAML of a group, a service
  or its examples declares, keys of types that are no keys', and lookups by a key of another type. Each message has
  the line to write. (That the SQL gives what its YAML declares is for check_built_types.)
#}
{% macro check_group_types(spec) %}
    {%- set where = spec.node.original_file_path ~ ': ' ~ spec.id -%}
    {%- do asof.check_declared_types(where, asof.declared_columns(spec.node)) -%}
    {%- for key in spec['keys'] -%}
        {%- set type = asof.parse_type(key.type) -%}
        {%- if not type.is_key -%}
            {{- asof.refuse(where ~ ' has the key ' ~ key.name ~ ' of type ' ~ key.type
                ~ ', which is no type of a key: equality does not tell its values apart for sure. Write `'
                ~ asof.cast_of('<expression>', type.cast) ~ ' as ' ~ key.name ~ '` in the staging models and in '
                ~ spec.entity.name ~ ' (' ~ spec.entity.original_file_path ~ '), and `data_type: ' ~ type.cast_type
                ~ '` in the YAML.') -}}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}

{# Refuses declared types that no column may have. where: the file and the model. #}
{% macro check_declared_types(where, columns) %}
    {%- for column in columns if column.type -%}
        {%- set type = asof.parse_type(column.type) -%}
        {%- if type.name is none -%}
            {{- asof.refuse(where ~ ' declares ' ~ column.name ~ ' as ' ~ column.type
                ~ ', which is no type of a column. Write `' ~ asof.cast_of('<expression>', type.cast) ~ ' as '
                ~ column.name ~ '` in its SQL, and `data_type: ' ~ type.cast_type ~ '` in its YAML. '
                ~ asof.types_in_words() ~ '.') -}}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}

{# A cast of x, of another expression. #}
{% macro cast_of(expression, cast_) %}
    {{- return(modules.re.sub('\\bx\\b', expression, cast_, count=1)) -}}
{% endmacro %}
