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
        {{- asof.refuse('this backfill has ' ~ count ~ ' moments; at most 100000 fit in one. Split it, latest part first.') -}}
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
    {%- set asked = var('as_of', none) -%}
    {%- if asked is none -%}
        {{- return(now) -}}
    {%- endif -%}
    {%- set moment = asof.parse_time(asked, 'the var as_of') -%}
    {%- if moment > now -%}
        {{- asof.refuse('the var as_of is ' ~ moment ~ ', which lies beyond now (' ~ now ~ '): nothing is known of that moment yet.') -}}
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
        {{- asof.refuse("the var backfill is " ~ asked ~ ". Expected --vars '{backfill: {from: 2026-01-01, to: 2026-04-30, every: 1 day}}'.") -}}
    {%- endif -%}
    {%- set from_ = asof.parse_time(asked['from'], 'backfill.from') -%}
    {%- set to = asof.parse_time(asked['to'], 'backfill.to') -%}
    {%- set every = asof.seconds(asked['every'], 'backfill.every') -%}
    {%- if to < from_ or every == 0 -%}
        {{- asof.refuse('a backfill goes from an earlier to a later time by steps of more than nothing; this one goes from '
            ~ from_ ~ ' to ' ~ to ~ ' every ' ~ asked['every'] ~ '.') -}}
    {%- endif -%}
    {%- if to > asof.now() -%}
        {{- asof.refuse('backfill.to is ' ~ to ~ ', which lies beyond now (' ~ asof.now() ~ ').') -}}
    {%- endif -%}
    {{- return({'from': from_, 'to': to, 'every': every}) -}}
{% endmacro %}

{#
  The clock's last moment, as a SQL expression. For examples models; tests and counts name the relation instead
  (clock_relation): a ref would tie them to the clock, and building it alone would select them.
#}
{% macro last_moment(clock=none) -%}
    {%- do asof.refuse_in_sql_of(['event', 'entity', 'group', 'service'], 'asof.last_moment()') -%}
    {{ asof.clocks_last_moment(clock or ref('clock')) }}
{%- endmacro %}

{# The same for the joins of a feature group, which leave out with it what no point of this run may see. #}
{% macro clocks_last_moment(clock) -%}
    (select max(as_of) from {{ clock }})
{%- endmacro %}

{#
  Where training ends, as a SQL expression: the run's own moment, or an earlier asof_training_cutoff. For the SQL of
  examples models, which list what was asked before: `where placed_at < {{ "{{ asof.cutoff() }}" }}`. `clock` as above.
#}
{% macro cutoff(clock=none) -%}
    {%- do asof.refuse_in_sql_of(['event', 'entity', 'group', 'service'], 'asof.cutoff()') -%}
    {%- set earlier = asof.training_cutoff() -%}
    {%- set last = asof.clocks_last_moment(clock or ref('clock')) -%}
    {{ last if earlier is none else 'least(' ~ last ~ ', ' ~ asof.sql_time(earlier) ~ ')' }}
{%- endmacro %}

{#
  The var asof_training_cutoff as a time literal, or none: training sets are built as if it had been that moment.
  What a run builds under it is never published, written to a file or taken as tested (see on_run_start, on_run_end).
#}
{% macro training_cutoff() %}
    {%- set asked = var('asof_training_cutoff', none) -%}
    {%- if asked is none -%}{{- return(none) -}}{%- endif -%}
    {%- set moment = asof.parse_time(asked, 'the var asof_training_cutoff') -%}
    {%- if moment > asof.moment_of_now() -%}
        {{- asof.refuse('the var asof_training_cutoff is ' ~ moment ~ ', which lies beyond now (' ~ asof.moment_of_now() ~ '): nothing is known of that moment yet.') -}}
    {%- endif -%}
    {{- return(moment) -}}
{% endmacro %}

{# The clock model's relation, for what must not depend on it by a ref. #}
{% macro clock_relation() %}
    {{- return(asof.relation_of(asof.models_of('clock')[0])) -}}
{% endmacro %}
