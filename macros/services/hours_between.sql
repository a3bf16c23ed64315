{# Hours from one time to a later one, to the microsecond, as double. #}
{% macro hours_between(earlier, later) %}
    {{- return(adapter.dispatch('hours_between', 'asof')(earlier, later)) -}}
{% endmacro %}
