{#
  SQL: what the rules find in the profiles that a run left of groups, services and request logs, all at once:
  (rule, level, kind, subject, column_name, was, found, allowed), the last three as text. One row per rule, level,
  subject and column.

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
        profile.state <> 'held' as is_healthy,
        current_build.now_at,
        row_number() over (
            partition by profile.kind, profile.subject, profile.state <> 'held', date_trunc('hour', profile.as_of)
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
        row_number() over (partition by kind, subject, is_healthy, is_first_of_hour order by as_of desc) as newest,
        row_number() over (partition by kind, subject, is_healthy order by as_of desc) as newest_of_all,
        row_number() over (partition by kind, subject order by as_of desc) as newest_of_any
    from builds
),

{#- what a build is there for: the range of the past, its newest part too, the last seven, or two of three #}
used as (
    select
        kind,
        subject,
        run_id,
        is_healthy and is_first_of_hour and (newest <= 30 or as_of > now_at - interval '8 days') as is_recent,
        is_recent and newest > 10 as is_past,
        is_healthy and newest_of_all <= 7 as is_of_seven,
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
        lower(profile.type) as type,
        profile.rows,
        profile.rows - profile.nulls as filled,
        profile.mean,
        profile.stddev,
        profile.bins,
        profile.top,
        profile.nulls / nullif(profile.rows, 0) as null_rate,
        list_sum(list_transform(profile.histogram, lambda amount, place: amount * (place - 0.5)))
            / nullif(list_sum(profile.histogram) * len(profile.histogram), 0) as rank,
        cast(profile.details ->> '$.statuses.REJECTED' as double) / nullif(profile.rows, 0) as rejected,
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

ranges as (
    select
        past.kind,
        past.subject,
        past.column_name,
        min(past.null_rate) as least_null_rate,
        max(past.null_rate) as most_null_rate,
        min(past.mean) as least_mean,
        max(past.mean) as most_mean,
        sqrt(avg(past.stddev * past.stddev)) as past_stddev,
        min(past.rank) filter (where past.bins = current_row.bins) as least_rank,
        max(past.rank) filter (where past.bins = current_row.bins) as most_rank,
        min(past.rejected) as least_rejected,
        max(past.rejected) as most_rejected,
        count(*) as builds
    from measured as past
    inner join measured as current_row
        on
            past.kind = current_row.kind
            and past.subject = current_row.subject
            and past.column_name = current_row.column_name
            and current_row.is_now
    where past.is_past and past.counts
    group by past.kind, past.subject, past.column_name
    having count(*) >= 8 and max(past.as_of) - min(past.as_of) >= interval '156 hours'
),

last_seven as (
    select
        kind,
        subject,
        column_name,
        median(rows) as rows_before,
        arg_max(null_rate, as_of) as null_rate_before,
        arg_max(rejected, as_of) as rejected_before
    from measured
    where is_of_seven and counts
    group by kind, subject, column_name
),

recent as (
    select kind, subject, column_name, min(rows) as least_rows, max(rows) as most_rows
    from measured
    where is_recent and counts and column_name = ''
    group by kind, subject, column_name
),

two_before as (
    select kind, subject, column_name, bins, min(rank) as lower_rank, max(rank) as higher_rank
    from measured
    where is_just_before
    group by kind, subject, column_name, bins
),

judged as (
    select *
    from measured
    left join last_seven using (kind, subject, column_name)
    left join ranges using (kind, subject, column_name)
    left join recent using (kind, subject, column_name)
    left join two_before using (kind, subject, column_name, bins)
    where is_now
),

categories as (
    select
        kind,
        subject,
        column_name,
        item[1] as value,
        max(cast(item[2] as bigint)) filter (where is_now) as amount,
        min(cast(item[2] as bigint)) filter (where not is_now) as least_amount,
        min(cast(item[2] as bigint) / filled) filter (where not is_now) as least,
        max(cast(item[2] as bigint) / filled) filter (where not is_now) as most,
        count(*) filter (where not is_now) as times
    from (
        select *, unnest(from_json(top, '[["VARCHAR"]]')) as item
        from measured
        where type in ('varchar', 'boolean', 'uuid') and top is not null and (is_now or is_past and counts)
    )
    where item[1] is not null
    group by kind, subject, column_name, item[1]
),

shares as (
    select
        judged.kind,
        judged.subject,
        judged.column_name,
        judged.filled,
        category.value,
        category.times,
        coalesce(category.amount, 0) as amount,
        coalesce(category.amount, 0) / nullif(judged.filled, 0) as share,
        case when category.times = judged.builds then category.least_amount else 0 end as least_amount,
        case when category.times = judged.builds then category.least else 0 end as least_share,
        coalesce(category.most, 0) as most_share,
        len(from_json(judged.top, '[["VARCHAR"]]')) as listed
    from judged
    inner join categories as category using (kind, subject, column_name)
    where judged.builds is not null
),

{#- values that stood still: the time since the last move, and the longest between moves, of columns and of groups #}
moves as (
    select profile.kind, profile.subject, profile.column_name, profile.as_of, builds.now_at
    from {{ profiles }} as profile
    inner join (
        select kind, subject, run_id, now_at from builds where is_first_of_hour
        union all
        select kind, subject, {{ asof.literal(run_id) }}, now_at from current_builds
    ) as builds
        on
            profile.kind = builds.kind
            and profile.subject = builds.subject
            and profile.run_id = builds.run_id
    where profile.kind in ({{ asof.health_kinds('unchanged') }}) and profile.checksum is not null
    qualify
        profile.checksum <> lag(profile.checksum) over (
            partition by profile.kind, profile.subject, profile.column_name
            order by profile.as_of
        )
),

all_moves as (
    select kind, subject, column_name, as_of, now_at from moves where column_name <> ''
    union all
    select distinct kind, subject, '', as_of, now_at from moves where column_name <> ''
),

stretches as (
    select
        kind,
        subject,
        column_name,
        max(as_of) as moved_at,
        count(*) as moves,
        max(epoch(as_of - moved_before)) as longest,
        max(now_at) as now_at,
        min(as_of) as first_at
    from (
        select *, lag(as_of) over (partition by kind, subject, column_name order by as_of) as moved_before
        from all_moves
    )
    group by kind, subject, column_name
),

standstills as (
    select
        column_row.*,
        epoch(
            case when column_row.column_name = '' then column_row.now_at else whole.moved_at end - column_row.moved_at
        ) as still
    from stretches as column_row
    inner join stretches as whole
        on
            column_row.kind = whole.kind
            and column_row.subject = whole.subject
            and whole.column_name = ''
    where column_row.moves > 7 and column_row.now_at - column_row.first_at >= interval '8 days'
),

outcomes as (
    {#- holds #}
    select
        'null_rate' as rule,
        'hold' as level,
        kind,
        subject,
        column_name,
        {{ asof.health_number('null_rate_before') }} as was,
        {{ asof.health_number('null_rate') }} as found,
        {{ asof.health_number(asof.health_limit('null_rate', 'hold', options, 'group')) }} as allowed
    from judged
    where
        kind in ({{ asof.health_kinds('null_rate') }})
        and column_name <> ''
        and null_rate > {{ asof.health_limit('null_rate', 'hold', options, 'group') }}
        and null_rate_before < least(0.1, {{ asof.health_limit('null_rate', 'hold', options, 'group') }} / 2)
        and coalesce(most_null_rate, 0) < least(0.1, {{ asof.health_limit('null_rate', 'hold', options, 'group') }} / 2)

    union all

    select
        'rows', 'hold', kind, subject, column_name,
        {{ asof.health_number('rows_before') }}, {{ asof.health_number('rows') }},
        {{ asof.health_number(asof.health_limit('rows', 'hold', options) ~ ' * rows_before') }}
    from judged
    where
        kind in ({{ asof.health_kinds('rows') }})
        and column_name = ''
        and rows < {{ asof.health_limit('rows', 'hold', options) }} * rows_before

    union all

    select
        'rejected', 'hold', kind, subject, column_name,
        {{ asof.health_number('rejected_before') }}, {{ asof.health_number('rejected') }},
        {{ asof.health_number(asof.health_limit('rejected', 'hold', options, 'service')) }}
    from judged
    where
        kind = 'service'
        and column_name = ''
        and rejected > {{ asof.health_limit('rejected', 'hold', options, 'service') }}
        and rejected_before < least(0.1, {{ asof.health_limit('rejected', 'hold', options, 'service') }} / 2)

    {#- what left the range of its past #}
    {%- for rule, condition in [
        ('null_rate', "column_name <> ''"),
        ('rows', "column_name = ''"),
        ('rejected', "column_name = ''"),
        ('mean', "column_name <> ''"),
        ('rank', asof.health_outside('lower_rank', 'rank', asof.health_floor('rank', options)) ~ ' or '
            ~ asof.health_outside('higher_rank', 'rank', asof.health_floor('rank', options))),
    ] %}

    union all

    select
        '{{ rule }}', 'warn', kind, subject, column_name,
        {{ asof.health_past(rule) }},
        {{ asof.health_number(rule) }},
        {{ asof.health_allowed(rule, asof.health_floor(rule, options)) }}
    from judged
    where
        kind in ({{ asof.health_kinds(rule) }})
        and builds is not null
        and ({{ condition }})
        and {{ asof.health_outside(rule, rule, asof.health_floor(rule, options)) }}
    {%- endfor %}

    {#- categories, the worst of a column #}
    union all

    (
        select
            'category_share', 'warn', kind, subject, column_name,
            value || ': ' || {{ asof.health_past('share') }},
            value || ': ' || {{ asof.health_number('share') }},
            {{ asof.health_allowed('share', asof.health_floor('category_share', options)) }}
        from shares
        where
            kind in ({{ asof.health_kinds('category_share') }})
            and times > 0
            and {{ asof.health_outside('share', 'share', asof.health_floor('category_share', options)) }}
        qualify row_number() over (
            partition by kind, subject, column_name
            order by greatest(share - most_share, least_share - share) desc, value
        ) = 1
    )

    union all

    select
        'unseen', 'warn', kind, subject, column_name,
        '0', {{ asof.health_number('sum(amount) / max(filled)') }} || ' (' || max_by(value, amount) || ')',
        {{ asof.health_number('any_value(' ~ asof.health_limit('unseen', 'warn', options, 'group') ~ ')') }}
    from shares
    where kind in ({{ asof.health_kinds('unseen') }}) and times = 0
    group by kind, subject, column_name
    having
        sum(amount) >= 10
        and sum(amount) > any_value({{ asof.health_limit('unseen', 'warn', options, 'group') }}) * max(filled)

    union all

    select
        'category_gone', 'warn', kind, subject, column_name,
        min_by(value, -least_amount) || ': ' || max(least_amount) || ' rows', '0',
        {{ asof.health_number('any_value(' ~ asof.health_limit('category_gone', 'warn', options, 'group') ~ ')') }}
    from shares
    where
        kind in ({{ asof.health_kinds('category_gone') }})
        and amount = 0
        and listed < 20
        and filled >= {{ asof.health_limit('category_gone', 'warn', options, 'group') }}
        and least_amount >= {{ asof.health_limit('category_gone', 'warn', options, 'group') }}
    group by kind, subject, column_name

    union all

    select
        'unchanged', 'warn', kind, subject, column_name,
        {{ asof.health_number('longest / 3600') }} || ' hours', {{ asof.health_number('still / 3600') }} || ' hours',
        {{ asof.health_number(asof.health_limit('unchanged', 'warn', options) ~ ' * longest / 3600') }} || ' hours'
    from standstills
    where
        still >= 6 * 3600
        and still > {{ asof.health_limit('unchanged', 'warn', options) }} * longest
)

select rule, level, kind, subject, column_name, was, found, allowed
from outcomes
order by level, kind, subject, column_name, rule
{% endmacro %}

{#
  How far beyond its past range a measure may go, beside half of that range: the threshold of its rule in its own unit,
  and four standard errors. Null where the rule is switched off.
#}
{% macro health_floor(rule, options) %}
    {%- set limit = asof.health_limit(rule, 'warn', options, 'service' if rule == 'rejected' else 'group') -%}
    {%- if rule == 'rows' -%}{{- return(limit ~ ' * most_rows') -}}
    {%- elif rule == 'mean' -%}
        {{- return(asof.health_at_least(limit ~ ' * past_stddev', '4 * stddev / sqrt(nullif(filled, 0))')) -}}
    {%- elif rule == 'rank' -%}
        {{- return(asof.health_at_least(limit, '4 / sqrt(12 * nullif(filled, 0))')) -}}
    {%- endif -%}
    {%- set rate, amount = {'category_share': ('most_share', 'filled'), 'null_rate': ('most_null_rate', 'rows'),
        'rejected': ('most_rejected', 'rows')}[rule] -%}
    {{- return(asof.health_at_least(limit, '4 * ' ~ asof.health_error(rate, amount))) -}}
{% endmacro %}
