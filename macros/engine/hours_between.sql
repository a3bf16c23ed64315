{% macro default__hours_between(earlier, later) -%}
    (extract(epoch from ({{ later }} - {{ earlier }})) / 3600.0)
{%- endmacro %}
