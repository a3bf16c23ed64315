{#
  An aggregate, for examples: the value of x in the first row by an order, null where it is null there. (Most aggregates
  that pick a value pass over nulls, so a value that came later stands for one that was not there yet.)

      {{ "{{ asof.first_by('occurred_at', ['known_at', 'event_id']) }}" }} as delivered_at

  x: a SQL expression. by: columns that give each row its own place.
#}
{% macro first_by(x, by) %}{{ return(adapter.dispatch('first_by', 'asof')(x, by)) }}{% endmacro %}
