{#
  The var asof_training_cutoff as a time literal, or none: training sets are built as if it had been that moment.
  What a run builds under it is never published, written to a file or taken as tested (see on_run_start, on_run_end).
#}
{% macro training_cutoff() %}
    {%- set asked = var('asof_training_cutoff', none) -%}
    {%- if asked is none -%}{{- return(none) -}}{%- endif -%}
    {%- set moment = asof.parse_time(asked, 'the var asof_training_cutoff') -%}
    {%- if moment > asof.moment_of_now() -%}
        {{- asof.refuse('the var asof_training_cutoff is ' ~ moment ~ ', which lies beyond now ('
            ~ asof.moment_of_now() ~ '): nothing is known of that moment yet.') -}}
    {%- endif -%}
    {{- return(moment) -}}
{% endmacro %}
