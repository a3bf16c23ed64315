{#
  The whole of the clock model: the moments this run evaluates, one column, `as_of` (timestamptz, UTC).
  A normal run has exactly one, its own now (or the var `as_of`, never beyond now); only a backfill has many.
#}
{% macro clock() %}
    {{- config(materialized='table') -}}
    select cast(moment as {{ asof.type_timestamptz() }}) as as_of
    from (
        values
        {%- for moment in asof.run_moments() %}
        ('{{ moment }}'){{ ',' if not loop.last }}
        {%- endfor %}
    ) as moments (moment)
{% endmacro %}
