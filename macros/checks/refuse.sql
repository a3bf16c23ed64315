{# Every refusal of the package goes through here, so that each reads "asof: what happened, where, what to do next". #}
{% macro refuse(message) %}
    {{- exceptions.raise_compiler_error('asof: ' ~ message) -}}
{% endmacro %}

{# Progress and reasons, on the console. #}
{% macro say(message) %}
    {%- do log('asof: ' ~ message, info=true) -%}
{% endmacro %}
