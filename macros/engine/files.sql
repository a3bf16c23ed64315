{# Files of the published folder, as seen by the warehouse. Paths are relative to where dbt runs, or absolute. #}

{# Writes one line of text, atomically: to a temporary name first, then renamed over `path`. #}
{% macro write_text(path, text) %}{{ return(adapter.dispatch('write_text', 'asof')(path, text)) }}{% endmacro %}

{% macro duckdb__write_text(path, text) %}
    {%- do run_query("copy (select '" ~ text | replace("'", "''") ~ "' as line) to '" ~ path
        ~ "' (format csv, header false, quote '', escape '', delimiter E'\\x01', use_tmp_file true)") -%}
{% endmacro %}

{# The text of a file, or none where there is no such file. #}
{% macro read_text(path) %}{{ return(adapter.dispatch('read_text', 'asof')(path)) }}{% endmacro %}

{% macro duckdb__read_text(path) %}
    {%- set sql -%}
        select content
        from read_text(list_value('{{ path }}'))
        where exists (from glob('{{ path }}'))
    {%- endset -%}
    {%- set found = run_query(sql).rows -%}
    {{- return(found[0][0] if found | length > 0 else none) -}}
{% endmacro %}

{% macro file_exists(path) %}{{ return(adapter.dispatch('file_exists', 'asof')(path)) }}{% endmacro %}

{% macro duckdb__file_exists(path) %}
    {{- return(run_query("select count(*) from glob('" ~ path ~ "')").rows[0][0] > 0) -}}
{% endmacro %}

{# Writes a query's rows as Parquet, atomically, and returns {rows, bytes, sha256} of what was written. #}
{% macro export_parquet(query, path) %}
    {{- return(adapter.dispatch('export_parquet', 'asof')(query, path)) -}}
{% endmacro %}

{% macro duckdb__export_parquet(query, path) %}
    {%- do run_query("copy (" ~ query ~ ") to '" ~ path ~ "' (format parquet, use_tmp_file true)") -%}
    {%- set sql -%}
        select (select count(*) from read_parquet('{{ path }}')), size, sha256(content)
        from read_blob('{{ path }}')
    {%- endset -%}
    {%- set written = run_query(sql).rows[0] -%}
    {{- return({'rows': written[0] | int, 'bytes': written[1] | int, 'sha256': written[2]}) -}}
{% endmacro %}

{# SHA-256 of a file's bytes, in lower-case hex. #}
{% macro file_sha256(path) %}{{ return(adapter.dispatch('file_sha256', 'asof')(path)) }}{% endmacro %}

{% macro duckdb__file_sha256(path) %}
    {{- return(run_query("select sha256(content) from read_blob('" ~ path ~ "')").rows[0][0]) -}}
{% endmacro %}

{# Makes a folder in one that is there, for files that hold labels and persons: it is kept out of git. #}
{% macro make_private_folder(path) %}{{ return(adapter.dispatch('make_private_folder', 'asof')(path)) }}{% endmacro %}

{% macro duckdb__make_private_folder(path) %}
    {%- if not asof.file_exists(path ~ '/.gitignore') -%}
        {%- set sql -%}
            copy (select '*' as line)
            to '{{ path }}' (
                format csv, header false, per_thread_output true, overwrite_or_ignore true,
                filename_pattern '', file_extension 'gitignore'
            )
        {%- endset -%}
        {%- do run_query(sql) -%}
    {%- endif -%}
{% endmacro %}
