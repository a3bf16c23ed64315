{# A value's text as an answer shows it, without quotes: what the shim hashes of a personal one. #}
{% macro answer_text(value, type) %}{{ return(adapter.dispatch('answer_text', 'asof')(value, type)) }}{% endmacro %}

{% macro duckdb__answer_text(value, type) -%}
    {%- if type.startswith('timestamp') -%}
    strftime({{ value }}, '%Y-%m-%dT%H:%M:%S')
    || case when microsecond({{ value }}) % 1000000 = 0 then ''
        else strftime({{ value }}, '.%f') end || 'Z'
    {%- else -%}
    cast({{ value }} as varchar)
    {%- endif -%}
{%- endmacro %}
