{# `dbt run-operation release`: publishes nothing; the next green build does. #}
{% macro release() %}
    {%- if not execute -%}{{- return('') -}}{%- endif -%}
    {%- do asof.set_hold(none) -%}
    {%- do asof.say('released: the next green build publishes.') -%}
{% endmacro %}
