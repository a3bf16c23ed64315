{#
  SQL: what the rules find in the profiles that a run left of groups, services and request logs, all at once:
  (rule, level, kind, subject, column_name, was, found, allowed, run_id), was to allowed as text. One row per rule,
  level, subject, column and run.

  profiles: a relation with the columns of asof_profiles and `state`: 'held' where no publication names the run, else
    'healthy'. What is held is no past. It may hold any run, also later ones.
  run_ids: the run, or a list of several, each judged by what was before it.
  findings: asof_findings as it was before the run. A warned build is past once its finding stood three times.
  accepted: a relation of (id, accepted_at): profiles from before a new normal of their subject ('shipment@1') or
    column ('shipment@1.distance_km') are no past either.
  options: see health_limit.

  The past of a column are its healthy builds, the first of each hour, of the last 8 days and at least the last 30, but
  for the newest two and the newest ten of the last day: what begins mildly is not to be its own past. The rules of
  warnings begin with eight of them that span six and a half days.
#}
{% macro profile_findings_sql(profiles, run_ids, findings, accepted, options=[]) %}
{%- set runs = asof.literals([run_ids] if run_ids is string else run_ids) -%}
{%- set unchanged_limit = asof.health_at_least(asof.health_limit('unchanged', 'warn', options) ~ ' * longest',
    'greatest(6 * 3600, longest + 6 * stddev)') -%}
with
builds as (
    select
        kind,
        subject,
        run_id,
        as_of,
        state <> 'held' as is_healthy,
        row_number() over (
            partition by kind, subject, state <> 'held', date_trunc('hour', as_of) order by as_of
        ) = 1 as is_first_of_hour
    from {{ profiles }}
    where column_name = '' and kind <> 'events'
),

{#- each judged build beside those before it, numbered from the newest on #}
numbered as (
    select
        builds.kind,
        builds.subject,
        judged_build.run_id as judged_run,
        judged_build.as_of as now_at,
        builds.run_id,
        builds.as_of,
        builds.is_healthy,
        builds.is_healthy and builds.is_first_of_hour as is_kept,
        row_number() over (
            partition by builds.kind, builds.subject, judged_build.run_id, is_kept order by builds.as_of desc
        ) as newest_kept,
        row_number() over (
            partition by builds.kind, builds.subject, judged_build.run_id, builds.is_healthy order by builds.as_of desc
        ) as newest_healthy,
        row_number() over (
            partition by builds.kind, builds.subject, judged_build.run_id order by builds.as_of desc
        ) as newest
    from builds
    inner join builds as judged_build
        on builds.kind = judged_build.kind and builds.subject = judged_build.subject
    where judged_build.run_id in ({{ runs }}) and builds.as_of < judged_build.as_of
),

{#-
  what a build is there for: the range of the past, its newest part too, its oldest quarter, the last seven, or two of
  three
#}
used as materialized (
    select
        kind,
        subject,
        judged_run,
        run_id,
        is_kept and (newest_kept <= 30 or as_of > now_at - interval '8 days') as is_recent,
        is_recent and newest_kept > 2 and (newest_kept > 10 or as_of <= now_at - interval '23 hours') as is_past,
        is_past and ntile(4) over (partition by kind, subject, judged_run, is_past order by as_of) = 1 as is_oldest,
        is_healthy and newest_healthy <= 7 as is_of_seven,
        newest <= 2 as is_just_before
    from numbered
    where newest_kept <= 30 or as_of > now_at - interval '8 days' or newest_healthy <= 7 or newest <= 2
),

measured as materialized (
    select
        kind,
        subject,
        column_name,
        run_id,
        as_of,
        lower(type) as type,
        rows,
        rows - nulls as filled,
        mean,
        stddev,
        bins,
        top,
        nulls / nullif(rows, 0) as null_rate,
        list_sum(list_transform(histogram, lambda amount, place: amount * (place - 0.5)))
            / nullif(list_sum(histogram) * len(histogram), 0) as rank,
        cast(details ->> '$.statuses.REJECTED' as double) / nullif(rows, 0) as rejected,
        run_id in ({{ runs }}) as is_judged,
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
    where
        kind <> 'events'
        and (run_id in ({{ runs }}) or run_id in (select run_id from used))
),

past as (
    select
        used.judged_run,
        measured.kind,
        measured.subject,
        measured.column_name,
        min(measured.null_rate) filter (where is_past) as least_null_rate,
        max(measured.null_rate) filter (where is_past) as most_null_rate,
        min(measured.mean) filter (where is_past) as least_mean,
        max(measured.mean) filter (where is_past) as most_mean,
        {#- in growth the newest spread is the widest; that of one odd build is left out #}
        quantile_cont(measured.stddev, 0.95) filter (where is_past) as past_stddev,
        min(measured.rank) filter (where is_past and measured.bins = judged.bins) as least_rank,
        max(measured.rank) filter (where is_past and measured.bins = judged.bins) as most_rank,
        min(measured.rejected) filter (where is_past) as least_rejected,
        max(measured.rejected) filter (where is_past) as most_rejected,
        min(measured.rows) filter (where is_recent) as least_rows,
        max(measured.rows) filter (where is_recent) as most_rows,
        count(*) filter (where is_past) as builds,
        count(*) filter (where is_oldest) as oldest_builds,
        max(measured.as_of) filter (where is_past) - min(measured.as_of) filter (where is_past) as span,
        median(measured.rows) filter (where is_of_seven) as rows_before,
        arg_max(measured.null_rate, measured.as_of) filter (where is_of_seven) as null_rate_before,
        arg_max(measured.rejected, measured.as_of) filter (where is_of_seven) as rejected_before
    from used
    inner join measured using (kind, subject, run_id)
    inner join measured as judged
        on
            used.judged_run = judged.run_id
            and measured.kind = judged.kind
            and measured.subject = judged.subject
            and measured.column_name = judged.column_name
    where measured.counts
    group by used.judged_run, measured.kind, measured.subject, measured.column_name
),

two_before as (
    select
        used.judged_run, measured.kind, measured.subject, measured.column_name, measured.bins,
        min(measured.rank) as lower_rank, max(measured.rank) as higher_rank
    from used
    inner join measured using (kind, subject, run_id)
    where used.is_just_before and measured.bins is not null
    group by used.judged_run, measured.kind, measured.subject, measured.column_name, measured.bins
),

judged as materialized (
    select
        measured.*, past.* exclude (judged_run, kind, subject, column_name), two_before.lower_rank,
        two_before.higher_rank,
        coalesce(past.builds >= 8 and past.span >= {{ asof.health_least_span() }}, false) as has_past
    from measured
    left join past
        on
            measured.run_id = past.judged_run
            and measured.kind = past.kind
            and measured.subject = past.subject
            and measured.column_name = past.column_name
    left join two_before
        on
            measured.run_id = two_before.judged_run
            and measured.kind = two_before.kind
            and measured.subject = two_before.subject
            and measured.column_name = two_before.column_name
            and measured.bins = two_before.bins
    where measured.is_judged
),

categories as materialized (
    select kind, subject, column_name, run_id, counts, filled, item[1] as value, cast(item[2] as bigint) as amount
    from (
        select *, unnest(from_json(top, '[["VARCHAR"]]')) as item
        from measured
        where type in ('varchar', 'boolean', 'uuid') and top is not null
    )
    where item[1] is not null
),

past_categories as (
    select
        used.judged_run as run_id,
        kind,
        subject,
        column_name,
        value,
        count(*) as times,
        count(*) filter (where is_oldest) as oldest_times,
        min(amount) as least_amount,
        min(amount / filled) as least_share,
        max(amount / filled) as most_share,
        min(amount / filled) filter (where is_oldest) as least_oldest,
        max(amount / filled) filter (where is_oldest) as most_oldest
    from used
    inner join categories using (kind, subject, run_id)
    where used.is_past and categories.counts
    group by used.judged_run, kind, subject, column_name, value
),

shares as materialized (
    select
        judged.kind,
        judged.subject,
        judged.column_name,
        judged.run_id,
        judged.filled,
        both_sides.value,
        coalesce(past_category.times, 0) as times,
        coalesce(category.amount, 0) as amount,
        coalesce(category.amount, 0) / nullif(judged.filled, 0) as share,
        case when past_category.times = judged.builds then past_category.least_amount else 0 end as least_amount,
        case when past_category.times = judged.builds then past_category.least_share else 0 end as least_share,
        coalesce(past_category.most_share, 0) as most_share,
        case when past_category.oldest_times = judged.oldest_builds then past_category.least_oldest else 0 end
            as least_oldest,
        coalesce(past_category.most_oldest, 0) as most_oldest
    from judged
    inner join (
        select kind, subject, column_name, run_id, value from past_categories
        union
        select kind, subject, column_name, run_id, value from categories
    ) as both_sides using (kind, subject, column_name, run_id)
    left join past_categories as past_category using (kind, subject, column_name, run_id, value)
    left join categories as category using (kind, subject, column_name, run_id, value)
    where judged.has_past and judged.top is not null
),

{#- values that stood still: when they moved, of columns and of whole groups, as far as each build knew #}
checksums as (
    select
        profile.kind,
        profile.subject,
        profile.column_name,
        profile.run_id,
        profile.as_of,
        coalesce(
            profile.checksum <> lag(profile.checksum) over (
                partition by profile.kind, profile.subject, profile.column_name order by profile.as_of
            ),
            false
        ) as moved
    from {{ profiles }} as profile
    inner join builds using (kind, subject, run_id)
    where
        profile.kind in ({{ asof.health_kinds('unchanged') }})
        and profile.column_name <> ''
        and profile.checksum is not null
        and (builds.is_first_of_hour or builds.run_id in ({{ runs }}))
),

all_checksums as (
    select kind, subject, column_name, run_id, as_of, moved from checksums
    union all
    select kind, subject, '', run_id, as_of, bool_or(moved) from checksums group by kind, subject, run_id, as_of
),

moves as (
    select
        *,
        max(case when moved then as_of end) over (
            partition by kind, subject, column_name
            order by as_of
            rows between unbounded preceding and 1 preceding
        ) as moved_before
    from all_checksums
),

stretches as materialized (
    select
        kind,
        subject,
        column_name,
        run_id,
        as_of,
        case when moved then as_of else moved_before end as moved_at,
        max(case when moved then epoch(as_of - moved_before) end) over so_far as longest,
        stddev_samp(case when moved then epoch(as_of - moved_before) end) over so_far as stddev,
        count(*) filter (where moved) over so_far as moves,
        min(case when moved then as_of end) over so_far as first_at
    from moves
    window so_far as (partition by kind, subject, column_name order by as_of rows unbounded preceding)
),

{#- a column stands still while others of its group move; where none moves, the group does #}
standstills as (
    select
        column_row.*,
        epoch(
            case when column_row.column_name = '' then column_row.as_of else whole.moved_at end - column_row.moved_at
        ) as still
    from stretches as column_row
    inner join stretches as whole
        on
            column_row.kind = whole.kind
            and column_row.subject = whole.subject
            and column_row.run_id = whole.run_id
            and whole.column_name = ''
    where
        column_row.run_id in ({{ runs }})
        and column_row.moves > 7
        and column_row.as_of - column_row.first_at >= interval '8 days'
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
        {{ asof.health_number(asof.health_limit('null_rate', 'hold', options, 'group')) }} as allowed,
        run_id
    from judged
    where
        kind in ({{ asof.health_kinds('null_rate') }})
        and column_name <> ''
        and rows >= {{ asof.health_least_rows() }}
        and null_rate > {{ asof.health_limit('null_rate', 'hold', options, 'group') }}
        and null_rate_before < least(0.1, {{ asof.health_limit('null_rate', 'hold', options, 'group') }} / 2)
        and coalesce(case when has_past then most_null_rate end, 0)
        < least(0.1, {{ asof.health_limit('null_rate', 'hold', options, 'group') }} / 2)

    union all

    select
        'rows', 'hold', kind, subject, column_name,
        {{ asof.health_number('rows_before') }}, {{ asof.health_number('rows') }},
        {{ asof.health_number(asof.health_limit('rows', 'hold', options) ~ ' * rows_before') }}, run_id
    from judged
    where
        kind in ({{ asof.health_kinds('rows') }})
        and column_name = ''
        and rows_before >= {{ asof.health_least_rows() }}
        and rows < {{ asof.health_limit('rows', 'hold', options) }} * rows_before

    union all

    select
        'rejected', 'hold', kind, subject, column_name,
        {{ asof.health_number('rejected_before') }}, {{ asof.health_number('rejected') }},
        {{ asof.health_number(asof.health_limit('rejected', 'hold', options, 'service')) }}, run_id
    from judged
    where
        kind = 'service'
        and column_name = ''
        and rows >= {{ asof.health_least_rows() }}
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
        {{ asof.health_allowed(rule, asof.health_floor(rule, options)) }}, run_id
    from judged
    where
        kind in ({{ asof.health_kinds(rule) }})
        and has_past
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
            {{ asof.health_allowed('share', asof.health_floor('category_share', options)) }},
            run_id
        from shares
        where
            kind in ({{ asof.health_kinds('category_share') }})
            and times > 0
            and (
                {{ asof.health_outside('share', 'share', asof.health_floor('category_share', options)) }}
                {#- one that was rare and grows slowly takes its range along: it is held against the oldest #}
                or (
                    most_oldest < 0.05
                    and share > {{ asof.health_end('most', 'oldest',
                        asof.health_floor('category_share', options, 'most_oldest')) }}
                    and {{ asof.health_limit('category_share', 'warn', options, 'group') }} is not null
                )
            )
        qualify row_number() over (
            partition by kind, subject, column_name, run_id
            order by greatest(share - most_share, least_share - share) desc, value
        ) = 1
    )

    union all

    select
        'unseen', 'warn', kind, subject, column_name,
        '0', {{ asof.health_number('sum(amount) / max(filled)') }} || ' (' || max_by(value, (amount, value)) || ')',
        {{ asof.health_number('any_value(' ~ asof.health_limit('unseen', 'warn', options, 'group') ~ ')') }},
        run_id
    from shares
    where kind in ({{ asof.health_kinds('unseen') }}) and times = 0
    group by kind, subject, column_name, run_id
    having
        sum(amount) >= 10
        and sum(amount) > any_value({{ asof.health_limit('unseen', 'warn', options, 'group') }}) * max(filled)

    union all

    select
        'category_gone', 'warn', kind, subject, column_name,
        min_by(value, (-least_amount, value)) || ': ' || max(least_amount) || ' rows', '0',
        {{ asof.health_number('any_value(' ~ asof.health_limit('category_gone', 'warn', options, 'group') ~ ')') }},
        run_id
    from shares
    where
        kind in ({{ asof.health_kinds('category_gone') }})
        and amount = 0
        and filled >= {{ asof.health_limit('category_gone', 'warn', options, 'group') }}
        and least_amount >= {{ asof.health_limit('category_gone', 'warn', options, 'group') }}
    group by kind, subject, column_name, run_id

    union all

    select
        'unchanged', 'warn', kind, subject, column_name,
        {{ asof.health_number('longest / 3600') }} || ' hours', {{ asof.health_number('still / 3600') }} || ' hours',
        {{ asof.health_number(unchanged_limit ~ ' / 3600') }} || ' hours',
        run_id
    from standstills
    where still > {{ unchanged_limit }}
)

select rule, level, kind, subject, column_name, was, found, allowed, run_id
from outcomes
order by run_id, level, kind, subject, column_name, rule
{% endmacro %}

{#
  How far beyond its past range a measure may go, beside half of that range: the threshold of its rule in its own unit,
  and four standard errors. Null where the rule is switched off.
  rate: what a share is held against, where that is not the most of the past.
#}
{% macro health_floor(rule, options, rate=none) %}
    {%- set limit = asof.health_limit(rule, 'warn', options, 'service' if rule == 'rejected' else 'group') -%}
    {%- if rule == 'rows' -%}{{- return(limit ~ ' * most_rows') -}}
    {%- elif rule == 'mean' -%}
        {{- return(asof.health_at_least(limit ~ ' * past_stddev', '4 * stddev / sqrt(nullif(filled, 0))')) -}}
    {%- elif rule == 'rank' -%}
        {{- return(asof.health_at_least(limit, '4 / sqrt(12 * nullif(filled, 0))')) -}}
    {%- endif -%}
    {%- set most, amount = {'category_share': ('most_share', 'filled'), 'null_rate': ('most_null_rate', 'rows'),
        'rejected': ('most_rejected', 'rows')}[rule] -%}
    {{- return(asof.health_at_least(limit, '4 * ' ~ asof.health_error(rate or most, amount))) -}}
{% endmacro %}

{#
  Whether the rules can find anything in the profiles of a subject: holds need an earlier build and some rows, warnings
  a past that is long enough. An aggregate over the profiles of the whole (column '').
#}
{% macro health_has_enough() -%}
    (
        count(*) > 1 and max(rows) >= {{ asof.health_least_rows() }}
        or max(as_of) - min(as_of) >= {{ asof.health_least_span() }}
    )
{%- endmacro %}

{# How long the past must be for the rules that warn. #}
{% macro health_least_span() %}{{ return("interval '156 hours'") }}{% endmacro %}

{# How many rows a group or a service must have for the rules that hold: of a handful a share says nothing. #}
{% macro health_least_rows() %}{{ return(20) }}{% endmacro %}
