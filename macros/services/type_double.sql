{#
  The type of a 64-bit float by the engine's name for it, for examples models:

      cast(distance_km as {{ "{{ asof.type_double() }}" }}) as request_distance_km
#}
{% macro type_double() %}{{ return(adapter.dispatch('type_double', 'asof')()) }}{% endmacro %}
