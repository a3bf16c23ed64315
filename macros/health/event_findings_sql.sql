{#
  SQL: what the rules find in an event model, of its newest rows against its own past:
  (rule, level, kind, subject, column_name, was, found, allowed), the last three as text.

  relation: the event model.
  spec: {name, columns: [{name, type}], error_after_seconds}: the model's name, its columns with event_id, occurred_at
    and known_at among them, and what its source declares as `freshness.error_after` (none: nothing).
  now, since: SQL expressions of the run's moment and of that of the run before it (null: there was none).
  accepted, options: see profile_findings_sql; the subject is the model's name.

  The new rows are those that became known since the run before, at least the newest 300 of the last 7 days; the past
  are the 28 days before them.
#}
{% macro event_findings_sql(relation, spec, now, since, accepted, options=[]) %}
with
seen as (
    select known_at
    from {{ relation }}
    where known_at <= {{ now }}
),

newest as (
    select max(known_at) as known_at from seen
),

arrivals as (
    select distinct seen.known_at
    from seen
    cross join newest
    where seen.known_at > newest.known_at - interval '56 days'
),

gaps as (
    select known_at, epoch(known_at - lag(known_at) over (order by known_at)) as gap
    from arrivals
),

feed as (
    select
        epoch({{ now }} - max(known_at)) as silence,
        count(*) as arrivals,
        epoch(max(known_at) - min(known_at)) as span,
        max(gap) as longest_gap,
        quantile_cont(gap, 0.99) as high_gap
    from gaps
),

findings_found as (
    select
        'gap' as rule,
        'hold' as level,
        {{ asof.literal(spec.name) }} as subject,
        '' as column_name,
        longest_gap as was,
        silence as found
    from feed
    where arrivals >= 30 and span >= 8 * 86400
)

select
    rule,
    level,
    'events' as kind,
    subject,
    column_name,
    cast(was as varchar) as was,
    cast(found as varchar) as found,
    cast({{ asof.health_limit('gap', 'hold', options) }} * was as varchar) as allowed
from findings_found
where found > {{ asof.health_limit('gap', 'hold', options) }} * was
order by level, column_name, rule
{% endmacro %}
