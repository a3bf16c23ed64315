{#
  The clock's last moment, as a SQL expression. For examples models. clock: as of asof.cutoff.
#}
{% macro last_moment(clock=none) -%}
    {%- do asof.refuse_in_sql_of(['event', 'entity', 'group', 'service'], 'asof.last_moment()') -%}
    {{ asof.clocks_last_moment(clock or ref('clock')) }}
{%- endmacro %}
