{#
  The points of an entity: one row per (entity, `as_of`) with `first_seen_at <= as_of < gone_at`, for every moment of
  the clock. Stands in the `from` of a feature group, aliased `point`:

      from {{ "{{ asof.points(ref('customers')) }}" }} as point
#}
{% macro points(entity) -%}
    (
        select entity.*, clock.as_of
        from {{ entity }} as entity
        inner join {{ ref('clock') }} as clock
            on {{ asof.is_point('entity', 'clock.as_of') }}
    )
{%- endmacro %}

{# Whether an entity's life (its row, aliased) is a point at a moment. The one place that says so. #}
{% macro is_point(entity, as_of) -%}
    {{ entity }}.first_seen_at <= {{ as_of }} and ({{ entity }}.gone_at is null or {{ as_of }} < {{ entity }}.gone_at)
{%- endmacro %}
