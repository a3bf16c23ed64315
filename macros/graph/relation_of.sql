{# A model's relation as this target names it; of an ephemeral model the name by which dbt's compiled SQL reads it. #}
{% macro relation_of(node) %}
    {%- if node.config.materialized == 'ephemeral' -%}
        {{- return(api.Relation.create(identifier='__dbt__cte__' ~ node.alias).quote(identifier=false)) -}}
    {%- endif -%}
    {{- return(api.Relation.create(database=node.database, schema=node.schema, identifier=node.alias)) -}}
{% endmacro %}

{% macro identifier_of(node) %}
    {{- return(asof.relation_of(node).identifier) -}}
{% endmacro %}

{#
  Where the rows of an event model stand, for the feature group (a node) that reads it (see
  asof.create_event_views).
#}
{% macro event_relation(group, event) %}
    {%- if event.config.materialized != 'ephemeral' -%}{{- return(asof.relation_of(event)) -}}{%- endif -%}
    {{- return(api.Relation.create(database=group.database, schema=group.schema,
        identifier='asof_' ~ group.alias ~ '_' ~ event.name)) -}}
{% endmacro %}

{# Those of a group's event models that hold all of these columns. #}
{% macro events_with(spec, columns) %}
    {%- set found = [] -%}
    {%- for event in spec.events -%}
        {%- set names = adapter.get_columns_in_relation(asof.event_relation(spec.node,
            event)) | map(attribute='name') | list -%}
        {%- if columns | reject('in', names) | list | length == 0 -%}{%- do found.append(event) -%}{%- endif -%}
    {%- endfor -%}
    {{- return(found) -}}
{% endmacro %}
