{#
  A float that is NaN or infinite as null, also within a list: no JSON holds one, so no answer does. Any other type as it is.
#}
{% macro finite(expression, type) %}{{ return(adapter.dispatch('finite', 'asof')(expression, type)) }}{% endmacro %}
{% macro default__finite(expression, type) %}
    {{- return('case when ' ~ expression ~ " not in ('NaN', 'Infinity', '-Infinity') then " ~ expression ~ ' end'
        if modules.re.match('^(double|float|real)', type) else expression) -}}
{% endmacro %}
{% macro duckdb__finite(expression, type) %}
    {%- if not modules.re.match('^(double|float|real)', type) -%}{{- return(expression) -}}{%- endif -%}
    {%- if '[' in type -%}
        {{- return('list_transform(' ~ expression ~ ', lambda asof_item: ' ~ asof.finite('asof_item', type[:-2]) ~ ')') -}}
    {%- endif -%}
    {{- return('case when isfinite(' ~ expression ~ ') then ' ~ expression ~ ' end') -}}
{% endmacro %}

{# Whether a list holds a null. #}
{% macro holds_null(expression) %}{{ return(adapter.dispatch('holds_null', 'asof')(expression)) }}{% endmacro %}
{% macro duckdb__holds_null(expression) %}
    {{- return('len(list_filter(' ~ expression ~ ', lambda asof_item: asof_item is null)) > 0') -}}
{% endmacro %}
