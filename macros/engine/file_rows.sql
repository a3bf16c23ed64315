{#
  A file's rows with the column `asof_place`, a row's place in it from 0. Parquet, or CSV with a header, whose values
  are read as text: guessed types would make 42 of the key 0042. None for any other kind of file.
#}
{% macro file_rows(path) %}{{ return(adapter.dispatch('file_rows', 'asof')(path)) }}{% endmacro %}

{% macro duckdb__file_rows(path) %}
    {%- set quoted = "'" ~ path | replace("'", "''") ~ "'" -%}
    {%- if path.lower().endswith('.parquet') -%}
        {{- return('(select * rename (file_row_number as asof_place) from read_parquet(' ~ quoted
            ~ ', file_row_number = true))') -}}
    {%- elif path.lower().endswith('.csv') -%}
        {{- return('(select *, row_number() over () - 1 as asof_place from read_csv(' ~ quoted
            ~ ', header = true, all_varchar = true))') -}}
    {%- endif -%}
    {{- return(none) -}}
{% endmacro %}
