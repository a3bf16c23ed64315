{#
  Whether this target holds the records: history, latest, services, training and what is published are DuckDB's. Any
  other engine evaluates staging, entities, groups and examples, and hands them over (see asof.handover).
#}
{% macro holds_records() %}{{ return(target.type == 'duckdb') }}{% endmacro %}
