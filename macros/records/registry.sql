{# One of the project's own records, beside its models in the target's schema. records.yml says what each is. #}
{% macro registry(table) %}
    {{- return(api.Relation.create(database=target.database, schema=target.schema, identifier='asof_' ~ table)) -}}
{% endmacro %}

{% macro records_schema() %}
    {{- return(api.Relation.create(database=target.database, schema=target.schema).without_identifier()) -}}
{% endmacro %}
