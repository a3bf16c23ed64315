{#
  The clock's last moment, as a SQL expression. For examples models; tests and counts name the relation instead
  (clock_relation): a ref would tie them to the clock, and building it alone would select them.
#}
{% macro last_moment(clock=none) -%}
    {%- do asof.refuse_in_sql_of(['event', 'entity', 'group', 'service'], 'asof.last_moment()') -%}
    {{ asof.clocks_last_moment(clock or ref('clock')) }}
{%- endmacro %}
