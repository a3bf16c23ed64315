{# Hours from one time to a later one, to the microsecond, as double. #}
{% macro hours_between(earlier, later) -%}
    (extract(epoch from ({{ later }} - {{ earlier }})) / 3600.0)
{%- endmacro %}
