{# The moments of this run as time literals, oldest first. #}
{% macro run_moments() %}
    {%- set range_ = asof.backfill_range() -%}
    {%- if range_ is none -%}
        {{- return([asof.run_as_of()]) -}}
    {%- endif -%}
    {%- set step = modules.datetime.timedelta(seconds=range_['every']) -%}
    {%- set moments = [] -%}
    {%- set at = namespace(time=asof.as_datetime(range_['from'])) -%}
    {%- set last = asof.as_datetime(range_['to']) -%}
    {%- set count = ((last - at.time) // step) + 1 -%}
    {%- if count > 100000 -%}
        {{- asof.refuse('this backfill has ' ~ count ~ ' moments; at most 100000 fit in one. Split it, latest part '
            ~ 'first.') -}}
    {%- endif -%}
    {%- for i in range(count) -%}
        {%- do moments.append(asof.time_literal(at.time)) -%}
        {%- set at.time = at.time + step -%}
    {%- endfor -%}
    {{- return(moments) -}}
{% endmacro %}

{# The moment of a normal run, as a time literal. #}
{% macro run_as_of() %}
    {%- set now = asof.now() -%}
    {%- if execute and env_var('ASOF_HANDOVER', '') and asof.holds_records() -%}
        {#- groups were evaluated on another engine, as of a moment that was fixed there -#}
        {{- return(asof.sealed(env_var('ASOF_HANDOVER')).as_of) -}}
    {%- endif -%}
    {%- set asked = var('as_of', none) -%}
    {%- if asked is none -%}
        {{- return(now) -}}
    {%- endif -%}
    {%- set moment = asof.parse_time(asked, 'the var as_of') -%}
    {%- if moment > now -%}
        {{- asof.refuse('the var as_of is ' ~ moment ~ ', which lies beyond now (' ~ now
            ~ '): nothing is known of that moment yet.') -}}
    {%- endif -%}
    {{- return(moment) -}}
{% endmacro %}

{#
  What `--vars '{backfill: {from: ..., to: ..., every: ...}}'` asks for: {from, to} as time literals, `every` in
  seconds; none in a normal run. Both ends are included.
#}
{% macro backfill_range() %}
    {%- set asked = var('backfill', none) -%}
    {%- if not asked -%}
        {{- return(none) -}}
    {%- endif -%}
    {%- if asked is not mapping or asked.keys() | sort | join(',') != 'every,from,to' -%}
        {{- asof.refuse("the var backfill is " ~ asked ~ ". Expected --vars '{backfill: {from: 2026-01-01, to: "
            ~ "2026-04-30, every: 1 day}}'.") -}}
    {%- endif -%}
    {%- set from_ = asof.parse_time(asked['from'], 'backfill.from') -%}
    {%- set to = asof.parse_time(asked['to'], 'backfill.to') -%}
    {%- set every = asof.seconds(asked['every'], 'backfill.every') -%}
    {%- if to < from_ or every == 0 -%}
        {{- asof.refuse('a backfill goes from an earlier to a later time by steps of more than nothing; this one '
            ~ 'goes from ' ~ from_ ~ ' to ' ~ to ~ ' every ' ~ asked['every'] ~ '.') -}}
    {%- endif -%}
    {%- if to > asof.now() -%}
        {{- asof.refuse('backfill.to is ' ~ to ~ ', which lies beyond now (' ~ asof.now() ~ ').') -}}
    {%- endif -%}
    {{- return({'from': from_, 'to': to, 'every': every}) -}}
{% endmacro %}
