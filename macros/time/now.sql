{#
  The one injectable "now" of builds and publications, as a UTC literal to the microsecond
  (`2026-05-01 08:58:00.000000+00:00`). ASOF_NOW (RFC 3339 with an offset) fixes it; otherwise it is the start of
  this invocation, or with `ticking=true` this very moment.
  Errors: an ASOF_NOW without an offset, unreadable, or beyond the machine's own clock (a typo in the year would
  otherwise block every later build, since moments only go forward). And a call in the SQL of a model, whose rows
  would be others in each run.
#}
{% macro now(ticking=false) %}
    {%- do asof.refuse_in_sql_of(['event', 'entity', 'group', 'service', 'examples'], 'asof.now()') -%}
    {{- return(asof.moment_of_now(ticking)) -}}
{% endmacro %}
