{#
  Joins the events that were known at each point: `occurred_at <= as_of and known_at <= as_of`. The only way from a
  feature group to events, and once per group (two streams joined to one point would multiply each other's rows).

      {{ "{{ asof.left_join_known(ref('stg_orders'), as='orders', on='customer_id') }}" }}

  events: an event model. as: its alias. on: the key column(s), of the same name on both sides.
  corrected: true where the model holds a row per version of an event, with `is_retracted`. Of each event the last
  version known at `as_of` is seen, or none if that one retracts it. A version counts until the next one of the
  same event is known, so the join stays one comparison of times.

  The alias of the relation inside tells check_relations that this join wrote it, and not the group.

  The join ends in its `on`, so a group whose features all look back by the same length may add to it, and reads no more
  than that: `and {{ "{{ asof.within('orders', '30 days') }}" }}`.
#}
{% macro left_join_known(events, as, on, corrected=false) -%}
    {%- do asof.check_event_columns(events) %}
    left join (
        {%- if corrected %}
        select
            asof_known.*,
            lead(known_at) over (partition by event_id order by known_at) as asof_superseded_at
        from {{ events }} as asof_known
        where asof_known.known_at <= {{ asof.clocks_last_moment(ref('clock') ~ ' as asof_clock') }}
        {%- else %}
        select * from {{ events }} as asof_known
        {%- endif %}
    ) as {{ as }}
        on {{ asof.same_keys(as, 'point', on) }}
        and {{ as }}.occurred_at <= point.as_of
        and {{ as }}.known_at <= point.as_of
        {%- if corrected %}
        and ({{ as }}.asof_superseded_at is null or {{ as }}.asof_superseded_at > point.as_of)
        and not {{ as }}.is_retracted
        {%- endif %}
{%- endmacro %}
