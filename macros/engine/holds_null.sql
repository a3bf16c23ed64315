{# Whether a list holds a null. #}
{% macro holds_null(expression) %}{{ return(adapter.dispatch('holds_null', 'asof')(expression)) }}{% endmacro %}

{% macro duckdb__holds_null(expression) %}
    {{- return('len(list_filter(' ~ expression ~ ', lambda asof_item: asof_item is null)) > 0') -}}
{% endmacro %}
