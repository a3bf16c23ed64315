{#
  PostgreSQL: what differs of the SQL in which groups, entities and examples are written. It ends at the hand-over, so
  nothing of the records is here.
#}

{# Numeric has any number of digits and rounds half away from zero. #}
{% macro postgres__exact_quotient(total, count, scale) -%}
    cast(round(cast({{ total }} as numeric) / nullif({{ count }}, 0), {{ scale }}) as decimal(18, {{ scale }}))
{%- endmacro %}
