{# A value as the line spells it, in a query that holds the line's values as asof_said. #}
{% macro json_spelling(line, member, column) %}
    {{- return(adapter.dispatch('json_spelling', 'asof')(line, member, column)) -}}
{% endmacro %}

{% macro duckdb__json_spelling(line, member, column) -%}
    {%- set spelling = 'cast((' ~ line ~ " -> '$." ~ member ~ '."' ~ column.name ~ "\"') as varchar)" -%}
    {#- a decimal of more digits than a double has: by its value, in so many digits as it needs -#}
    {%- if modules.re.match('^(dec|num)[^[]*$', column.type) -%}
    case
        when json_type({{ line }}, '$.{{ member }}."{{ column.name }}"') = 'DOUBLE'
            then rtrim(rtrim(cast(asof_said.{{ member }}.{{ column.name }} as varchar), '0'), '.')
        else {{ spelling }}
    end
    {%- else -%}{{ spelling }}{%- endif -%}
{%- endmacro %}
