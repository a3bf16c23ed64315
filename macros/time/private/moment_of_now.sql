{% macro moment_of_now(ticking=false) %}
    {%- set wall = modules.datetime.datetime.now(modules.pytz.utc) -%}
    {%- set injected = env_var('ASOF_NOW', '') -%}
    {%- if injected -%}
        {%- set moment = asof.parse_time(injected, 'ASOF_NOW') -%}
        {%- if asof.as_datetime(moment) > wall -%}
            {{- asof.refuse("ASOF_NOW is " ~ moment ~ ", which lies beyond this machine's clock ("
                ~ asof.time_literal(wall) ~ "). Moments only go forward, so a typo here would block every later "
                ~ "build: correct it.") -}}
        {%- endif -%}
        {{- return(moment) -}}
    {%- endif -%}
    {{- return(asof.time_literal(wall if ticking else run_started_at)) -}}
{% endmacro %}

{# True when ASOF_NOW fixes the clock: a snapshot made so says so, and the shim refuses it off loopback. #}
{% macro now_is_injected() %}
    {{- return(env_var('ASOF_NOW', '') != '') -}}
{% endmacro %}

{# The machine's own clock, for the wall-clock columns of the records only. #}
{% macro wall_clock() %}
    {{- return(asof.time_literal(modules.datetime.datetime.now(modules.pytz.utc))) -}}
{% endmacro %}
