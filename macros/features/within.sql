{#
  Whether a joined event lies in the window `(as_of - length, as_of]`; the known-join already keeps out what is later.

      count(orders.event_id) filter (where {{ "{{ asof.within('orders', '30 days') }}" }})
#}
{% macro within(events, length) -%}
    {{ events }}.occurred_at > point.as_of - interval '{{ asof.seconds(length, "the window of " ~ events) }} seconds'
{%- endmacro %}
