{#
  Times at even steps, both ends included, as a subquery with the one column `moment`. For examples models that ask on a
  schedule:

      from {{ "{{ asof.series('2026-02-01', '2026-05-03', '7 days') }}" }} as sundays

  first, last: a bare date, which is midnight UTC, or a time with its offset. every: a length of time.
#}
{% macro series(first, last, every) %}
    {%- set seconds = asof.seconds(every, 'the step of asof.series') -%}
    {{- return(adapter.dispatch('series', 'asof')(asof.sql_time(asof.parse_time(first, 'the start of asof.series')),
        asof.sql_time(asof.parse_time(last, 'the end of asof.series')), seconds)) -}}
{% endmacro %}
