{#
  What no answer can hold: of floats NaN and infinities, of dates and times infinity and what lies outside the years of
  asof.column_types(). In a list it is an item that is so.
#}

{# Whether a value is one of these, as a SQL condition; none where its type has no such values. #}
{% macro is_infinite(expression, type) %}{{ return(adapter.dispatch('is_infinite', 'asof')(expression, type)) }}{% endmacro %}
{% macro default__is_infinite(expression, type) %}
    {%- set types = asof.column_types() -%}
    {%- if type in ['float', 'double'] -%}
        {{- return(expression ~ " in ('NaN', 'Infinity', '-Infinity')") -}}
    {%- elif type in ['date', 'timestamptz'] -%}
        {{- return('(' ~ expression ~ " < cast('" ~ types.first_day ~ "' as " ~ type ~ ') or ' ~ expression ~ " >= cast('"
            ~ types.end ~ "' as " ~ type ~ '))') -}}
    {%- endif -%}
    {{- return(none) -}}
{% endmacro %}
{% macro duckdb__is_infinite(expression, type) %}
    {%- if type.endswith('[]') -%}
        {%- set is_infinite = asof.is_infinite('asof_item', type[:-2]) -%}
        {{- return('len(list_filter(' ~ expression ~ ', lambda asof_item: ' ~ is_infinite ~ ')) > 0' if is_infinite else none) -}}
    {%- elif type in ['float', 'double'] -%}
        {{- return('not isfinite(' ~ expression ~ ')') -}}
    {%- endif -%}
    {{- return(asof.default__is_infinite(expression, type)) -}}
{% endmacro %}

{# A value, null where it is one of these; of a list, null for each such item. #}
{% macro finite(expression, type) %}{{ return(adapter.dispatch('finite', 'asof')(expression, type)) }}{% endmacro %}
{% macro default__finite(expression, type) %}
    {%- set is_infinite = asof.is_infinite(expression, type) -%}
    {{- return('case when not ' ~ is_infinite ~ ' then ' ~ expression ~ ' end' if is_infinite else expression) -}}
{% endmacro %}
{% macro duckdb__finite(expression, type) %}
    {%- if type.endswith('[]') and asof.is_infinite(expression, type) -%}
        {{- return('list_transform(' ~ expression ~ ', lambda asof_item: ' ~ asof.finite('asof_item', type[:-2]) ~ ')') -}}
    {%- endif -%}
    {{- return(asof.default__finite(expression, type)) -}}
{% endmacro %}

{# Whether a list holds a null. #}
{% macro holds_null(expression) %}{{ return(adapter.dispatch('holds_null', 'asof')(expression)) }}{% endmacro %}
{% macro duckdb__holds_null(expression) %}
    {{- return('len(list_filter(' ~ expression ~ ', lambda asof_item: asof_item is null)) > 0') -}}
{% endmacro %}
