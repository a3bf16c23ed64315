{#
  Makes the views of the ephemeral event models that a group reads. --empty and --sample leave them as they are.

  dbt makes no relation of an ephemeral model: it writes the model's text into each text that reads it, as a common
  table expression `__dbt__cte__<model>`. What counts, replays and explains needs a relation: so each feature group
  has a view of each ephemeral event model that it reads. And a group's own text, for its checks and its record, is
  its compiled text without them, as that of a group over views is.
#}
{% macro create_event_views(group) %}
    {%- if flags.EMPTY or flags.SAMPLE -%}{{- return(none) -}}{%- endif -%}
    {%- for parent in group.depends_on.nodes if parent in graph.nodes -%}
        {%- set event = graph.nodes[parent] -%}
        {%- if event.config.materialized == 'ephemeral' -%}
            {%- call statement('event_view', auto_begin=true) -%}
                create or replace view {{ asof.event_relation(group, event) }} as
                with {{ group.extra_ctes | map(attribute='sql') | join(', ') }}
                select * from {{ asof.relation_of(event) }}
            {%- endcall -%}
            {%- do adapter.commit() -%}
            {%- do asof.check_event_columns(asof.event_relation(group, event)) -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}

{# A model's compiled SQL without the common table expressions that dbt added for ephemeral models. #}
{% macro without_ephemeral(node, compiled_sql) %}
    {%- if not node.extra_ctes -%}{{- return(compiled_sql) -}}{%- endif -%}
    {%- set added = node.extra_ctes | map(attribute='sql') | join(', ') -%}
    {%- for text in [added ~ ', ', 'with' ~ added ~ ' '] if text in compiled_sql -%}
        {{- return(compiled_sql | replace(text, '', 1)) -}}
    {%- endfor -%}
    {{- asof.refuse(node.original_file_path ~ ': the text of the ephemeral models that ' ~ node.name
        ~ ' reads was not found in its compiled SQL. Materialize them as views: `config: {materialized: view}`.') -}}
{% endmacro %}
