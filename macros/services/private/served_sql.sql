{#
  The whole statement that the shim runs over `asof_looked_up`, from the same macros and the service's own compiled
  text. compiled_sql: with the rows model by its bare name.
#}
{% macro served_sql(spec, compiled_sql) %}
    with {{ spec.rows_node.alias }} as (
        {{ asof.nulled_sql(spec) }}
    ),
    {{ spec.base }} as (
        {{ compiled_sql | replace('"' ~ spec.rows_node.alias ~ '"', spec.rows_node.alias) }}
    )
    {{ asof.answer_sql(spec, spec.base, spec.rows_node.alias) }}
{% endmacro %}
