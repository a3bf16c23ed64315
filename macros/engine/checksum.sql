{#
  An aggregate: the checksum of rows, in whatever order, as decimal(38, 0). A sum of one hash per row, so what some of
  them added to it can be subtracted again. md5, since engines change their own quick hashes from version to version.
  columns: the names; their order is no matter.
#}
{% macro checksum(columns) %}
    {%- set texts = [] -%}
    {%- for name in columns | sort -%}
        {%- do texts.append("coalesce(cast(" ~ name ~ " as varchar), chr(30))") -%}
    {%- endfor -%}
    {{- return('cast(coalesce(sum(' ~ asof.hash_number("concat_ws(chr(31), " ~ texts | join(', ') ~ ")")
        ~ '), 0) as decimal(38, 0))') -}}
{% endmacro %}

{# 60 or more bits of the md5 of a text, as a number. #}
{% macro hash_number(text) %}{{ return(adapter.dispatch('hash_number', 'asof')(text)) }}{% endmacro %}

{% macro default__hash_number(text) %}
    {{- return("cast(cast(('x' || substr(md5(" ~ text ~ "), 1, 15)) as bit(60)) as bigint)") -}}
{% endmacro %}

{% macro duckdb__hash_number(text) %}{{ return('md5_number_lower(' ~ text ~ ')') }}{% endmacro %}
