{#
  The one total order among events, for what depends on the order of rows: sums and means over floats, lists, the last
  value.

      sum(trip.fuel_litres {{ "{{ asof.in_order('trip') }}" }})
      last(trip.driver {{ "{{ asof.in_order('trip') }}" }}) filter (where trip.driver is not null)
#}
{% macro in_order(events) -%}
    order by {{ events }}.occurred_at, {{ events }}.known_at, {{ events }}.event_id
{%- endmacro %}
