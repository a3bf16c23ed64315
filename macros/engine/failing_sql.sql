{#
  SQL that fails, and says why. A hook at the end of a command returns it where the command must fail: of an error that
  is raised there instead, dbt says that it was interrupted from the keyboard.
#}
{% macro failing_sql(message) %}{{ return(adapter.dispatch('failing_sql', 'asof')(message)) }}{% endmacro %}

{% macro default__failing_sql(message) %}
    {{- return("select cast('" ~ message | replace("'", "''") ~ "' as integer)") -}}
{% endmacro %}

{% macro duckdb__failing_sql(message) %}
    {{- return("select error('" ~ message | replace("'", "''") ~ "')") -}}
{% endmacro %}
