{#
  The declared publish lag in seconds; required and more than 0, since nothing is served in the instant it is
  computed.
#}
{% macro publish_lag_seconds() %}
    {%- set lag = var('asof_publish_lag', none) -%}
    {%- set seconds = asof.seconds(lag, 'the var asof_publish_lag') if lag else 0 -%}
    {%- if seconds <= 0 -%}
        {{- asof.refuse('declare in dbt_project.yml how long after its moment a build is usually published, `vars: '
            ~ '{asof_publish_lag: 1 minute}` (more than 0): a backfilled moment stands for a publication that much '
            ~ 'later.') -}}
    {%- endif -%}
    {{- return(seconds) -}}
{% endmacro %}
