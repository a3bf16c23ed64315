{# A quick hash of a row as a whole number from 0 on, the same within one statement only. columns: their names. #}
{% macro row_hash(columns) %}{{ return(adapter.dispatch('row_hash', 'asof')(columns)) }}{% endmacro %}

{% macro default__row_hash(columns) -%}
    {%- set texts = [] -%}
    {%- for name in columns -%}
        {%- do texts.append("coalesce(cast(" ~ name ~ " as varchar), chr(30))") -%}
    {%- endfor -%}
    {{ asof.hash_number("concat_ws(chr(31), " ~ texts | join(', ') ~ ")") }}
{%- endmacro %}

{% macro duckdb__row_hash(columns) -%} cast(hash({{ columns | join(', ') }}) >> 1 as bigint) {%- endmacro %}
