{#
  Joins the attributes of an entity as they were known at each point: of the events known at `as_of`, the last one in
  the order (`occurred_at`, `known_at`, `event_id`). At most one row per point, so it may stand beside the known-join.

      {{ "{{ asof.left_join_last_known(ref('stg_shipments'), as='shipment', on='order_id') }}" }}

  A row is the last known one from its own `known_at` until any later-ordered row of the same entity is known. What was
  not known by the clock's last moment is cut off first: it changes nothing, and the window is the costly part.
#}
{% macro left_join_last_known(events, as, on) -%}
    {%- do asof.check_event_columns(events) %}
    left join (
        select
            asof_last_known.*,
            min(known_at) over (
                partition by {{ on if on is string else on | join(', ') }}
                order by occurred_at, known_at, event_id
                rows between 1 following and unbounded following
            ) as asof_superseded_at
        from {{ events }} as asof_last_known
        where asof_last_known.known_at <= {{ asof.clocks_last_moment(ref('clock') ~ ' as asof_clock') }}
    ) as {{ as }}
        on {{ asof.same_keys(as, 'point', on) }}
        and {{ as }}.occurred_at <= point.as_of
        and {{ as }}.known_at <= point.as_of
        and ({{ as }}.asof_superseded_at is null or {{ as }}.asof_superseded_at > point.as_of)
{%- endmacro %}
