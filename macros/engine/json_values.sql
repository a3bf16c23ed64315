{#
  Members of a line of the request log (request, features, ...) as a struct of structs; a value that is not of its
  column's type is null. members: {member: columns}.
#}
{% macro json_values(line, members) %}{{ return(adapter.dispatch('json_values', 'asof')(line, members)) }}{% endmacro %}

{% macro duckdb__json_values(line, members) -%}
    {%- set structure = {} -%}
    {%- for member, columns in members.items() -%}
        {%- set types = {} -%}
        {%- for column in columns -%}
            {%- do types.update({column.name: [column.type[:-2]] if column.type.endswith('[]') else column.type}) -%}
        {%- endfor -%}
        {%- do structure.update({member: types}) -%}
    {%- endfor -%}
    from_json({{ line }}, '{{ tojson(structure) }}')
{%- endmacro %}

{#
  The kinds of JSON values, as the engine calls them, that an answer has for a type. is_sent: that a request may
  have.
#}
{% macro duckdb_json_kinds(type, is_sent=false) %}
    {%- set integers = ['BIGINT', 'UBIGINT', 'HUGEINT'] -%}
    {%- if type.startswith(('bool', 'logical')) -%}{{- return(['BOOLEAN']) -}}
    {%- elif modules.re.match('^(dec|num)', type) -%}{{- return(integers + ['DOUBLE']) -}}
    {%- elif modules.re.match('^(double|float|real)', type) -%}
        {{- return((integers if is_sent else []) + ['DOUBLE']) -}}
    {%- elif 'int' in type or type.startswith(('short', 'long', 'signed')) -%}{{- return(integers) -}}
    {%- endif -%}
    {{- return(['VARCHAR']) -}}
{% endmacro %}

{# A list of texts as one text with commas; null where there is none. #}
{% macro json_list_text(line, member) %}
    {{- return(adapter.dispatch('json_list_text', 'asof')(line, member)) -}}
{% endmacro %}

{% macro duckdb__json_list_text(line, member) -%}
    array_to_string(cast(({{ line }} -> '$.{{ member }}') as varchar[]), ',')
{%- endmacro %}

{# A value's text, without the quotes of a string. #}
{% macro json_text(line, member, name) %}
    {{- return(adapter.dispatch('json_text', 'asof')(line, member, name)) -}}
{% endmacro %}

{% macro duckdb__json_text(line, member, name) -%} ({{ line }} ->> '$.{{ member }}."{{ name }}"') {%- endmacro %}
