{# Every refusal of the package goes through here, so that each reads "asof: what happened, where, what to do next". #}
{% macro refuse(message) %}
    {{- exceptions.raise_compiler_error('asof: ' ~ message) -}}
{% endmacro %}

{# Refuses all that is wrong at once, one problem a line. problems: messages, or none where there is no problem. #}
{% macro refuse_all(problems) %}
    {%- set found = problems | reject('none') | list -%}
    {%- if found -%}{{- asof.refuse(found | join('\nasof: ')) -}}{%- endif -%}
{% endmacro %}

{# Progress and reasons, on the console. #}
{% macro say(message) %}
    {%- do log('asof: ' ~ message, info=true) -%}
{% endmacro %}
