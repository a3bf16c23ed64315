{#
  What no answer can hold: of floats NaN and infinities, of dates and times infinity and what lies outside the years of
  asof.column_types(). In a list it is an item that is so.
#}

{# Whether a value is one of these, as a SQL condition; none where its type has no such values. #}
{% macro is_infinite(expression, type) %}
    {{- return(adapter.dispatch('is_infinite', 'asof')(expression, type)) -}}
{% endmacro %}

{% macro default__is_infinite(expression, type) %}
    {%- set types = asof.column_types() -%}
    {%- if type in ['float', 'double'] -%}
        {{- return(expression ~ " in ('NaN', 'Infinity', '-Infinity')") -}}
    {%- elif type in ['date', 'timestamptz'] -%}
        {{- return('(' ~ expression ~ " < cast('" ~ types.first_day ~ "' as " ~ type ~ ') or ' ~ expression
            ~ " >= cast('" ~ types.end ~ "' as " ~ type ~ '))') -}}
    {%- endif -%}
    {{- return(none) -}}
{% endmacro %}

{% macro duckdb__is_infinite(expression, type) %}
    {%- if type.endswith('[]') -%}
        {%- set is_infinite = asof.is_infinite('asof_item', type[:-2]) -%}
        {{- return('len(list_filter(' ~ expression ~ ', lambda asof_item: ' ~ is_infinite ~ ')) > 0' if is_infinite
            else none) -}}
    {%- elif type in ['float', 'double'] -%}
        {{- return('not isfinite(' ~ expression ~ ')') -}}
    {%- endif -%}
    {{- return(asof.default__is_infinite(expression, type)) -}}
{% endmacro %}
