{# The columns of a relation or subquery as {name: type}, types in lower case. #}
{% macro columns_of(relation) %}{{ return(adapter.dispatch('columns_of', 'asof')(relation)) }}{% endmacro %}

{% macro duckdb__columns_of(relation) %}
    {%- set columns = {} -%}
    {%- for row in run_query('describe select * from ' ~ relation ~ ' as described').rows -%}
        {%- do columns.update({row[0]: row[1] | lower}) -%}
    {%- endfor -%}
    {{- return(columns) -}}
{% endmacro %}
