{# `dbt run-operation hold --args '{reason: "..."}'`: what is served stays until released. #}
{% macro hold(reason) %}
    {%- if not execute -%}{{- return('') -}}{%- endif -%}
    {%- do asof.set_hold({'reason': reason, 'since': asof.rfc3339(asof.now(ticking=true))}) -%}
    {%- do asof.say('on hold: ' ~ reason ~ '. Release with `dbt run-operation release`.') -%}
{% endmacro %}
