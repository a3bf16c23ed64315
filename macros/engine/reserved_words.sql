{# The words that cannot be a column's name without quotes, as a list, lower case. #}
{% macro reserved_words() %}{{ return(adapter.dispatch('reserved_words', 'asof')()) }}{% endmacro %}

{% macro default__reserved_words() %}
    {{- return(run_query("select word from pg_get_keywords() where catcode in ('R', "
        ~ "'T')").columns[0].values() | list) -}}
{% endmacro %}

{% macro duckdb__reserved_words() %}
    {%- set sql -%}
        select keyword_name from duckdb_keywords() where keyword_category in ('reserved', 'type_function')
    {%- endset -%}
    {{- return(run_query(sql).columns[0].values() | list) -}}
{% endmacro %}
