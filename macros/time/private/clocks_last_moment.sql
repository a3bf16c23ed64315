{# The same for the joins of a feature group, which leave out with it what no point of this run may see. #}
{% macro clocks_last_moment(clock) -%}
    (select max(as_of) from {{ clock }})
{%- endmacro %}
