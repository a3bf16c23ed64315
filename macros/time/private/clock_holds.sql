{# Whether the clock model, as it stands, holds all of these moments. #}
{% macro clock_holds(moments) %}
    {%- set sql -%}
        select count(distinct as_of)
        from {{ asof.clock_relation() }}
        where as_of in ({% for moment in moments %}{{ asof.sql_time(moment) }}{{ ', ' if not loop.last }}{% endfor %})
    {%- endset -%}
    {{- return(run_query(sql).rows[0][0] == moments | unique | list | length) -}}
{% endmacro %}
