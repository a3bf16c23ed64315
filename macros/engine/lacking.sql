{#
  What only DuckDB has, since it holds the records: on another engine each of these refuses by its name. While dbt
  parses they give nothing, so that a project parses on every target.
#}
{% macro lacks(name) %}
    {#- the arguments of whoever calls are taken and not looked at -#}
    {%- set unused = [varargs, kwargs] -%}
    {%- if execute -%}
        {{- asof.refuse('the engine ' ~ target.type ~ ' has no asof.' ~ name ~ '. It evaluates staging, entities, '
            ~ 'groups and examples only; all else is built on DuckDB, by `asof build --engine ' ~ target.name
            ~ '`.') -}}
    {%- endif -%}
{% endmacro %}

{% macro default__answer_text() %}{{ asof.lacks('answer_text', varargs, kwargs) }}{% endmacro %}
{% macro default__columns_of() %}{{ asof.lacks('columns_of', varargs, kwargs) }}{% endmacro %}
{% macro default__exact_quotient() %}{{ asof.lacks('exact_quotient', varargs, kwargs) }}{% endmacro %}
{% macro default__export_parquet() %}{{ asof.lacks('export_parquet', varargs, kwargs) }}{% endmacro %}
{% macro default__file_exists() %}{{ asof.lacks('file_exists', varargs, kwargs) }}{% endmacro %}
{% macro default__file_rows() %}{{ asof.lacks('file_rows', varargs, kwargs) }}{% endmacro %}
{% macro default__file_sha256() %}{{ asof.lacks('file_sha256', varargs, kwargs) }}{% endmacro %}
{% macro default__holds_null() %}{{ asof.lacks('holds_null', varargs, kwargs) }}{% endmacro %}
{% macro default__is_another_as() %}{{ asof.lacks('is_another_as', varargs, kwargs) }}{% endmacro %}
{% macro default__json_is_of_type() %}{{ asof.lacks('json_is_of_type', varargs, kwargs) }}{% endmacro %}
{% macro default__json_is_taken() %}{{ asof.lacks('json_is_taken', varargs, kwargs) }}{% endmacro %}
{% macro default__json_list_text() %}{{ asof.lacks('json_list_text', varargs, kwargs) }}{% endmacro %}
{% macro default__json_spelling() %}{{ asof.lacks('json_spelling', varargs, kwargs) }}{% endmacro %}
{% macro default__json_text() %}{{ asof.lacks('json_text', varargs, kwargs) }}{% endmacro %}
{% macro default__json_values() %}{{ asof.lacks('json_values', varargs, kwargs) }}{% endmacro %}
{% macro default__make_private_folder() %}{{ asof.lacks('make_private_folder', varargs, kwargs) }}{% endmacro %}
{% macro default__never_as() %}{{ asof.lacks('never_as', varargs, kwargs) }}{% endmacro %}
{% macro default__pseudonym() %}{{ asof.lacks('pseudonym', varargs, kwargs) }}{% endmacro %}
{% macro default__read_text() %}{{ asof.lacks('read_text', varargs, kwargs) }}{% endmacro %}
{% macro default__request_log() %}{{ asof.lacks('request_log', varargs, kwargs) }}{% endmacro %}
{% macro default__try_cast() %}{{ asof.lacks('try_cast', varargs, kwargs) }}{% endmacro %}
{% macro default__unsigned_zero() %}{{ asof.lacks('unsigned_zero', varargs, kwargs) }}{% endmacro %}
{% macro default__write_text() %}{{ asof.lacks('write_text', varargs, kwargs) }}{% endmacro %}
{% macro default__bin_counts() %}{{ asof.lacks('bin_counts', varargs, kwargs) }}{% endmacro %}
{% macro default__binned() %}{{ asof.lacks('binned', varargs, kwargs) }}{% endmacro %}
{% macro default__counts_by() %}{{ asof.lacks('counts_by', varargs, kwargs) }}{% endmacro %}
{% macro default__distinct_sorted() %}{{ asof.lacks('distinct_sorted', varargs, kwargs) }}{% endmacro %}
{% macro default__json_object() %}{{ asof.lacks('json_object', varargs, kwargs) }}{% endmacro %}
{% macro default__quantiles() %}{{ asof.lacks('quantiles', varargs, kwargs) }}{% endmacro %}
{% macro default__seconds_since_previous() %}{{ asof.lacks('seconds_since_previous', varargs, kwargs) }}{% endmacro %}
{% macro default__value_counts() %}{{ asof.lacks('value_counts', varargs, kwargs) }}{% endmacro %}
{% macro default__values_of_all() %}{{ asof.lacks('values_of_all', varargs, kwargs) }}{% endmacro %}
{% macro default__unless_in() %}{{ asof.lacks('unless_in', varargs, kwargs) }}{% endmacro %}
{% macro default__value_counts_without() %}{{ asof.lacks('value_counts_without', varargs, kwargs) }}{% endmacro %}
