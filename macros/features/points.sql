{#
  The points of an entity: one row per (entity, `as_of`) with `first_seen_at <= as_of < gone_at`, for every moment of
  the clock. Stands in the `from` of a feature group, aliased `point`:

      from {{ "{{ asof.points(ref('customers')) }}" }} as point

  A point has the entity's key(s) and `as_of`, nothing else: when the entity went (`gone_at`) is known only later.
#}
{% macro points(entity) -%}
    (
        select
            {{ asof.point_keys(entity) }},
            asof_clock.as_of
        from {{ entity }} as asof_entity
        inner join {{ ref('clock') }} as asof_clock
            on {{ asof.is_point('asof_entity', 'asof_clock.as_of') }}
    )
{%- endmacro %}

{#
  The columns of an entity that a point has. While dbt parses or renders a unit test the graph is empty: all
  columns then.
#}
{% macro point_keys(entity) -%}
    {%- set keys = [] -%}
    {%- for node in (asof.models_of('entity') if graph.get('nodes') else []) if node.schema == entity.schema
        and node.alias == entity.identifier -%}
        {%- for key in asof.entity_keys(node) -%}{%- do keys.append('asof_entity.' ~ key) -%}{%- endfor -%}
    {%- endfor -%}
    {{- keys | join(', ') or 'asof_entity.*' -}}
{%- endmacro %}

{# Whether an entity's life (its row, aliased) is a point at a moment. The one place that says so. #}
{% macro is_point(entity, as_of) -%}
    {{ entity }}.first_seen_at <= {{ as_of }} and ({{ entity }}.gone_at is null or {{ as_of }} < {{ entity }}.gone_at)
{%- endmacro %}
