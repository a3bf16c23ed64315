{# What differs by engine stands in this folder only. Types first. #}
{% macro type_timestamptz() %}{{ return(adapter.dispatch('type_timestamptz', 'asof')()) }}{% endmacro %}

{% macro default__type_timestamptz() %}{{ return('timestamp with time zone') }}{% endmacro %}

{% macro duckdb__type_timestamptz() %}{{ return('timestamptz') }}{% endmacro %}

{# A time without a zone, as the time that it is in one. #}
{% macro time_of_zone(time, zone) %}{{ return(adapter.dispatch('time_of_zone', 'asof')(time, zone)) }}{% endmacro %}

{% macro default__time_of_zone(time, zone) -%} {{ time }} at time zone '{{ zone }}' {%- endmacro %}

{# A value as text; a time as RFC 3339, in a session whose zone is UTC. #}
{% macro text_of(column) %}{{ return(adapter.dispatch('text_of', 'asof')(column)) }}{% endmacro %}

{% macro default__text_of(column) -%}
    regexp_replace(cast({{ column }} as varchar), '^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(\.\d+)?)\+00$', '\1T\2Z')
{%- endmacro %}

{% macro default__type_double() %}{{ return('double precision') }}{% endmacro %}

{% macro default__time_text(time) -%} cast({{ time }} as {{ dbt.type_string() }}) {%- endmacro %}

{# A row as text, by its alias. #}
{% macro row_text(alias) %}{{ return(adapter.dispatch('row_text', 'asof')(alias)) }}{% endmacro %}

{% macro default__row_text(alias) -%} cast({{ alias }} as {{ dbt.type_string() }}) {%- endmacro %}
