{# A value, null where it is one of these; of a list, null for each such item. #}
{% macro finite(expression, type) %}{{ return(adapter.dispatch('finite', 'asof')(expression, type)) }}{% endmacro %}

{% macro default__finite(expression, type) %}
    {%- set is_infinite = asof.is_infinite(expression, type) -%}
    {{- return('case when not ' ~ is_infinite ~ ' then ' ~ expression ~ ' end' if is_infinite else expression) -}}
{% endmacro %}

{% macro duckdb__finite(expression, type) %}
    {%- if type.endswith('[]') and asof.is_infinite(expression, type) -%}
        {{- return('list_transform(' ~ expression ~ ', lambda asof_item: ' ~ asof.finite('asof_item', type[:-2])
            ~ ')') -}}
    {%- endif -%}
    {{- return(asof.default__finite(expression, type)) -}}
{% endmacro %}
