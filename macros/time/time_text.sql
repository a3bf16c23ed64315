{#
  A time as text, in UTC, the same on every engine: `2026-05-01 08:58:00+00`. For ids that are made of a time:

      customer_id || ' on ' || {{ "{{ asof.time_text('closed_at') }}" }} as event_id
#}
{% macro time_text(time) %}{{ return(adapter.dispatch('time_text', 'asof')(time)) }}{% endmacro %}
