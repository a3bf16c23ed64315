{# SHA-256 of a text, in lower-case hex. Jinja has none, so the warehouse computes it. #}
{% macro sha256(text) %}{{ return(adapter.dispatch('sha256', 'asof')(text)) }}{% endmacro %}

{% macro duckdb__sha256(text) %}
    {{- return(run_query("select sha256('" ~ text | replace("'", "''") ~ "')").rows[0][0]) -}}
{% endmacro %}

{% macro default__sha256(text) %}
    {{- return(run_query("select encode(sha256(convert_to('" ~ text | replace("'", "''")
        ~ "', 'UTF8')), 'hex')").rows[0][0]) -}}
{% endmacro %}
