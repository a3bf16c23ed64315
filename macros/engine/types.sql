{# What differs by engine stands in this folder only. Types first. #}
{% macro type_timestamptz() %}{{ return(adapter.dispatch('type_timestamptz', 'asof')()) }}{% endmacro %}
{% macro default__type_timestamptz() %}{{ return('timestamp with time zone') }}{% endmacro %}
{% macro duckdb__type_timestamptz() %}{{ return('timestamptz') }}{% endmacro %}
