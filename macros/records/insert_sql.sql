{# `insert into` one of the records; rows is a list of lists. One statement, so all or nothing. #}
{% macro insert_sql(table, rows) -%}
    insert into {{ asof.registry(table) }} values
    {%- for row in rows %}
    ({% for value in row %}{{ asof.literal(value) }}{{ ', ' if not loop.last }}{% endfor %}){{ ',' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{# Several statements, all or none of them. #}
{% macro run_together(statements) %}
    {%- for sql in statements -%}
        {%- call statement('together', auto_begin=true) -%} {{ sql }} {%- endcall -%}
        {%- do asof.fault_point('within_together') -%}
    {%- endfor -%}
    {%- do adapter.commit() -%}
{% endmacro %}
