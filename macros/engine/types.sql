{# What differs by engine stands in this folder only. Types first. #}
{% macro type_timestamptz() %}{{ return(adapter.dispatch('type_timestamptz', 'asof')()) }}{% endmacro %}

{% macro default__type_timestamptz() %}{{ return('timestamp with time zone') }}{% endmacro %}

{% macro duckdb__type_timestamptz() %}{{ return('timestamptz') }}{% endmacro %}

{# A value as text; a time as RFC 3339, in a session whose zone is UTC. #}
{% macro text_of(column) %}{{ return(adapter.dispatch('text_of', 'asof')(column)) }}{% endmacro %}

{% macro default__text_of(column) -%}
    regexp_replace(cast({{ column }} as varchar), '^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(\.\d+)?)\+00$', '\1T\2Z')
{%- endmacro %}
