{# A SQL literal: null, a number, a boolean or quoted text. #}
{% macro literal(value) %}
    {%- if value is none -%}{{- return('null') -}}
    {%- elif value is boolean -%}{{- return('true' if value else 'false') -}}
    {%- elif value is number -%}{{- return(value | string) -}}
    {%- endif -%}
    {{- return("'" ~ (value | string | replace("'", "''")) ~ "'") -}}
{% endmacro %}

{# Several of them, for `in (...)`. #}
{% macro literals(values) %}
    {%- set found = [] -%}
    {%- for value in values -%}{%- do found.append(asof.literal(value)) -%}{%- endfor -%}
    {{- return(found | join(', ')) -}}
{% endmacro %}
