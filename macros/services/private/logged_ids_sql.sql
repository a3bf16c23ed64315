{# The row_id of a logged row, over the record of requests. #}
{% macro logged_id() %}{{ return("request_id || '/' || row_number") }}{% endmacro %}

{# The row_ids of all logged rows, as a query. #}
{% macro logged_ids_sql() -%}
    select {{ asof.logged_id() }} from {{ asof.registry('requests') }} where row_number is not null
{%- endmacro %}

{#
  How many logged requests an examples model leaves out since the API would refuse them by now: [(why, count)]. The
  model's own calls of asof.logged say of which service.
#}
{% macro refused_requests(node) %}
    {%- set found = {} -%}
    {%- for key in node.config.meta if key.startswith('asof_logged ') -%}
        {%- set service, version = key.split(' ')[1].split('@') -%}
        {%- set rows = asof.logged_rows_sql(asof.asked_columns(node), service, version,
            asof.cutoff(asof.clock_relation())) -%}
        {%- set sql %}
            select asof_refused_for, count(*)
            from {{ rows }} as asof_logged
            where asof_refused_for is not null
            group by 1 order by 1
        {%- endset -%}
        {%- for why, count in run_query(sql).rows -%}
            {%- do found.update({why: found.get(why, 0) + (count | int)}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{- return(found.items() | list) -}}
{% endmacro %}
