{#
  SQL: what the rules find in the profiles that a run left of groups, services and request logs, all at once:
  (rule, level, kind, subject, column_name, was, found, allowed), the last three as text.

  profiles: a relation with the columns of asof_profiles and `state`: 'held' where no publication names the run, else
    'healthy'. What is held is no past. It may hold any run, also later ones.
  findings: asof_findings as it was before this run. A warned build is past once its finding stood three times.
  accepted: a relation of (id, accepted_at): profiles from before a new normal of their subject ('shipment@1') or
    column ('shipment@1.distance_km') are no past either.
  options: see health_limit.

  The past of a column are its healthy builds, the first of each hour, of the last 8 days and at least the last 30, but
  for the newest ten. The rules of warnings begin with eight of them that span a week.
#}
{% macro profile_findings_sql(profiles, run_id, findings, accepted, options=[]) %}
with
current_builds as (
    select kind, subject, max(as_of) as now_at
    from {{ profiles }}
    where run_id = {{ asof.literal(run_id) }} and kind <> 'events'
    group by kind, subject
),

builds as (
    select
        profile.kind,
        profile.subject,
        profile.run_id,
        profile.as_of,
        profile.state,
        current_build.now_at,
        row_number() over (
            partition by profile.kind, profile.subject, profile.state = 'held', date_trunc('hour', profile.as_of)
            order by profile.as_of
        ) = 1 as is_first_of_hour
    from {{ profiles }} as profile
    inner join current_builds as current_build
        on profile.kind = current_build.kind and profile.subject = current_build.subject
    where profile.column_name = '' and profile.as_of < current_build.now_at
),

numbered as (
    select
        *,
        row_number() over (partition by kind, subject, state = 'held', is_first_of_hour order by as_of desc) as newest,
        row_number() over (partition by kind, subject, state = 'held' order by as_of desc) as newest_of_all,
        row_number() over (partition by kind, subject order by as_of desc) as newest_of_any
    from builds
),

{#- what a build is there for: the range of the past, its newest part, the last seven, or two of three #}
used as (
    select
        kind,
        subject,
        run_id,
        state <> 'held' and is_first_of_hour and (newest <= 30 or as_of > now_at - interval '8 days') as is_recent,
        is_recent and newest > 10 as is_past,
        state <> 'held' and newest_of_all <= 7 as is_of_seven,
        newest_of_any <= 2 as is_just_before
    from numbered
),

measured as (
    select
        profile.kind,
        profile.subject,
        profile.column_name,
        profile.run_id,
        profile.as_of,
        profile.type,
        profile.rows,
        profile.mean,
        profile.stddev,
        profile.bins,
        profile.top,
        profile.checksum,
        profile.details,
        profile.distinct_count,
        profile.nulls / nullif(profile.rows, 0) as null_rate,
        list_sum(list_transform(profile.histogram, lambda amount, place: amount * (place - 0.5)))
            / nullif(list_sum(profile.histogram) * len(profile.histogram), 0) as rank,
        cast(profile.details ->> '$.statuses.REJECTED' as double) / nullif(profile.rows, 0) as rejected_rate,
        profile.run_id = {{ asof.literal(run_id) }} as is_now,
        coalesce(used.is_just_before, false) as is_just_before,
        coalesce(used.is_recent, false) as is_recent,
        coalesce(used.is_past, false) as is_past,
        coalesce(used.is_of_seven, false) as is_of_seven,
        not exists (
            select 1
            from {{ accepted }} as accepted
            where
                accepted.id in (profile.subject, profile.subject || '.' || profile.column_name)
                and accepted.accepted_at >= profile.as_of
        )
        and not exists (
            select 1
            from {{ findings }} as finding
            where
                finding.kind = profile.kind
                and finding.subject = profile.subject
                and finding.column_name = profile.column_name
                and finding.times < 3
                and profile.as_of >= finding.since
                and (finding.ended_at is null or profile.as_of < finding.ended_at)
        ) as counts
    from {{ profiles }} as profile
    left join used
        on
            profile.kind = used.kind
            and profile.subject = used.subject
            and profile.run_id = used.run_id
    where
        profile.run_id = {{ asof.literal(run_id) }} and profile.kind <> 'events'
        or used.is_recent or used.is_of_seven or used.is_just_before
),

current_rows as (
    select * from measured where is_now
),

ranges as (
    select
        past.kind,
        past.subject,
        past.column_name,
        min(past.null_rate) as least_null_rate,
        max(past.null_rate) as most_null_rate,
        min(past.mean) as least_mean,
        max(past.mean) as most_mean,
        sqrt(avg(past.stddev * past.stddev)) as stddev,
        min(past.rank) filter (where past.bins = current_row.bins) as least_rank,
        max(past.rank) filter (where past.bins = current_row.bins) as most_rank,
        min(past.rejected_rate) as least_rejected_rate,
        max(past.rejected_rate) as most_rejected_rate,
        count(*) as builds
    from measured as past
    inner join current_rows as current_row
        on
            past.kind = current_row.kind
            and past.subject = current_row.subject
            and past.column_name = current_row.column_name
    where past.is_past and past.counts
    group by past.kind, past.subject, past.column_name
    having count(*) >= 8 and max(past.as_of) - min(past.as_of) >= interval '6 days 12 hours'
),

last_seven as (
    select
        kind,
        subject,
        column_name,
        median(rows) as rows_before,
        arg_max(null_rate, as_of) as null_rate_before,
        arg_max(rejected_rate, as_of) as rejected_rate_before
    from measured
    where is_of_seven and counts
    group by kind, subject, column_name
),

recent_rows as (
    select kind, subject, min(rows) as least, max(rows) as most
    from measured
    where is_recent and counts and column_name = '' and kind = 'group'
    group by kind, subject
),

findings_found as (
    select
        'null_rate' as rule,
        'hold' as level,
        kind,
        subject,
        column_name,
        null_rate_before as was,
        null_rate as found,
        {{ asof.health_limit('null_rate', 'hold', options) }} as allowed
    from current_rows
    inner join last_seven using (kind, subject, column_name)
    left join ranges using (kind, subject, column_name)
    where
        column_name <> ''
        and current_rows.null_rate > {{ asof.health_limit('null_rate', 'hold', options) }}
        and null_rate_before < least(0.1, {{ asof.health_limit('null_rate', 'hold', options) }} / 2)
        and coalesce(ranges.most_null_rate, 0) < least(0.1, {{ asof.health_limit('null_rate', 'hold', options) }} / 2)

    union all

    select
        'rows', 'hold', kind, subject, column_name, rows_before, current_rows.rows,
        {{ asof.health_limit('rows', 'hold', options) }} * rows_before
    from current_rows
    inner join last_seven using (kind, subject, column_name)
    where
        kind = 'group'
        and column_name = ''
        and current_rows.rows < {{ asof.health_limit('rows', 'hold', options) }} * rows_before

    union all

    select
        'rejected', 'hold', kind, subject, column_name, rejected_rate_before, current_rows.rejected_rate,
        {{ asof.health_limit('rejected', 'hold', options) }}
    from current_rows
    inner join last_seven using (kind, subject, column_name)
    where
        kind = 'service'
        and column_name = ''
        and current_rows.rejected_rate > {{ asof.health_limit('rejected', 'hold', options) }}
        and rejected_rate_before < least(0.1, {{ asof.health_limit('rejected', 'hold', options) }} / 2)
)

select
    rule,
    level,
    kind,
    subject,
    column_name,
    cast(was as varchar) as was,
    cast(found as varchar) as found,
    cast(allowed as varchar) as allowed
from findings_found
order by level, kind, subject, column_name, rule
{% endmacro %}
