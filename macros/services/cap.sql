{# A number, at most `high`. (`least` would turn null into the cap.) #}
{% macro cap(expression, high) -%}
    case when {{ expression }} > {{ high }} then {{ high }} else {{ expression }} end
{%- endmacro %}
