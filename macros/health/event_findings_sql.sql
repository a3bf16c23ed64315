{#
  SQL: what the rules find in an event model, of its newest rows against its own past:
  (rule, level, kind, subject, column_name, was, found, allowed), the last three as text. One row per rule, level and
  column.

  relation: the event model.
  spec: {name, columns: [{name, type}], error_after_seconds}: the model's name, its columns with event_id, occurred_at
    and known_at among them, and what its source declares as `freshness.error_after` (none: nothing).
  now, since: SQL expressions of the run's moment and of that of the run before it (null: there was none).
  accepted: a relation of (id, accepted_at): rows known before a new normal of the model ('stg_scans') or a column
    ('stg_scans.place') are no past.
  options: see health_limit; the subject is the model's name.

  The new rows are those that became known since the run before, at least the newest 300 of the last 7 days; the past
  are the 28 days before them, cut into parts of as many rows as are new, by time. A measure of the new rows is held
  against the same measure of the parts, so hours and days of all kinds are in its range. There is no past if it is of
  less than seven days or came in one load. Of many rows a part is read: at most some 2,000 new ones and 64 parts.
#}
{% macro event_findings_sql(relation, spec, now, since, accepted, options=[]) %}
{%- set columns = spec.columns | rejectattr('name', 'in', ['event_id', 'occurred_at', 'known_at']) | list -%}
{%- set content = columns | map(attribute='name') | list + ['occurred_at'] -%}
{%- set stopped_limit = asof.health_at_least(asof.health_limit('stopped', 'hold', options) ~ ' * usual_gap',
    '1800') -%}
{%- set gap_limit = asof.health_at_least(asof.health_limit('gap', 'hold', options) ~ ' * longest_gap',
    'greatest(1800, longest_gap + 6 * gap_stddev)') -%}
with
newest as materialized (
    select max(known_at) as known_at
    from {{ relation }}
    where known_at <= {{ now }}
),

arrivals as materialized (
    select events.known_at, count(*) as amount, count(*) filter (where events.occurred_at > events.known_at) as ahead
    from {{ relation }} as events
    cross join newest
    where events.known_at <= {{ now }} and events.known_at > newest.known_at - interval '56 days'
    group by events.known_at
),

{#- the new rows: known after new_after #}
counted as (
    select known_at, sum(amount) over (order by known_at desc) - amount as newer from arrivals
),

bounds as materialized (
    select
        greatest(
            {{ now }} - interval '7 days',
            least(
                coalesce({{ since }}, {{ now }}),
                (select min(known_at) from counted where newer < 300) - interval '1 microsecond'
            )
        ) as new_after,
        greatest(
            {{ now }} - coalesce({{ since }}, {{ now }} - interval '1 day'), interval '1 hour'
        ) as length,
        coalesce(
            (select max(accepted_at) from {{ accepted }} where id = {{ asof.literal(spec.name) }}),
            timestamptz '-infinity'
        ) as accepted_at
),

gaps as (
    select known_at, epoch(known_at - lag(known_at) over (order by known_at)) as gap from arrivals
),

feed as materialized (
    select
        epoch({{ now }} - max(known_at)) as silence,
        count(*) as moments,
        epoch(max(known_at) - min(known_at)) as span,
        max(gap) as longest_gap,
        coalesce(stddev_samp(gap), 0) as gap_stddev,
        quantile_cont(gap, 0.99) as usual_gap
    from gaps
),

{#- rows of the same hours of the last four weeks: since the last row; and in the last three windows #}
weeks as materialized (
    select
        {%- for week in range(5) %}
        {%- for place in range(3) %}
        coalesce(sum(amount) filter (
            where
                known_at <= {{ now }} - interval '{{ 7 * week }} days' - {{ place }} * length
                and known_at > {{ now }} - interval '{{ 7 * week }} days' - {{ place + 1 }} * length
        ), 0) as week{{ week }}_window{{ place }},
        {%- endfor %}
        coalesce(sum(amount) filter (
            where
                known_at <= {{ now }} - interval '{{ 7 * week }} days'
                and known_at > newest_at - interval '{{ 7 * week }} days'
        ), 0) as week{{ week }},
        {%- endfor %}
        min(known_at) <= {{ now }} - interval '28 days' - 3 * max(length) as is_long
    from (
        select arrivals.*, newest.known_at as newest_at, bounds.length
        from arrivals
        cross join newest
        cross join bounds
    )
),

windows as materialized (
    {%- for place in range(3) %}
    select
        {{ place }} as place,
        week0_window{{ place }} as amount,
        least({% for week in range(1, 5) %}week{{ week }}_window{{ place }}{{ ', ' if not loop.last }}{% endfor %})
            as least_amount,
        greatest({% for week in range(1, 5) %}week{{ week }}_window{{ place }}{{ ', ' if not loop.last }}{% endfor %})
            as most_amount
    from weeks
    where is_long
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

{#- the rows to look into, and the share of them that is enough #}
amounts as materialized (
    select
        coalesce(sum(amount) filter (where known_at > new_after), 0) as new_rows,
        coalesce(sum(ahead) filter (where known_at > new_after), 0) as ahead,
        coalesce(sum(amount) filter (where is_past), 0) as past_rows,
        coalesce(
            count(distinct cast(known_at as date)) filter (where is_past) >= 7
            and 2 * max(amount) filter (where is_past) <= sum(amount) filter (where is_past),
            false
        ) as has_past,
        greatest(1, cast(ceil(new_rows / 2000) as bigint)) as every,
        greatest(1, least(new_rows / every, past_rows / every / 8)) as length
    from (
        select
            arrivals.*,
            bounds.new_after,
            arrivals.known_at <= bounds.new_after
            and arrivals.known_at > bounds.new_after - interval '28 days'
            and arrivals.known_at > bounds.accepted_at as is_past
        from arrivals
        cross join bounds
    )
),

chosen as (
    select events.*, bounds.new_after as asof_new_after, {{ asof.row_hash(content) }} as asof_hash
    from {{ relation }} as events
    cross join bounds
    where
        events.known_at <= {{ now }}
        and events.known_at > bounds.new_after - interval '28 days'
        and events.known_at > least(bounds.accepted_at, bounds.new_after)
),

numbered as materialized (
    select
        *,
        known_at > asof_new_after as asof_is_new,
        min(event_id) over (partition by asof_hash) <> event_id as asof_is_copy,
        row_number() over (partition by known_at > asof_new_after order by known_at desc, asof_hash) - 1 as asof_place
    from chosen
    where asof_hash % (select every from amounts) = 0
),

{#- part 0 are the new rows, the others are the past #}
parts as materialized (
    select
        numbered.*,
        case when asof_is_new then 0 else 1 + cast(floor(asof_place / amounts.length) as bigint) end as asof_part
    from numbered
    cross join amounts
    where amounts.has_past or asof_is_new
),

read_rows as materialized (
    select *, epoch(known_at - occurred_at) as asof_lateness
    from parts
    where
        asof_part % (select greatest(1, cast(ceil(max(asof_part) / 64) as bigint)) from parts) = 0
        and asof_part <= (select past_rows / every / length from amounts)
),

cells as materialized (
    select read_cells.part, unnest(read_cells.cell)
    from (
        select
            asof_part as part,
            known_at,
            unnest([
                {%- for column in columns %}
                {%- set kind = asof.health_kind_of(column.type) %}
                {
                    'column_name': {{ asof.literal(column.name) }},
                    'is_null': {{ column.name }} is null,
                    'number': {{ 'cast(' ~ column.name ~ ' as double)' if kind == 'number' else 'null' }},
                    'value': {{ 'cast(' ~ column.name ~ ' as varchar)' if kind == 'text' else 'null' }}
                },
                {%- endfor %}
                {'column_name': 'occurred_at', 'is_null': occurred_at is null, 'number': asof_lateness, 'value': null}
            ]) as cell
        from read_rows
    ) as read_cells
    left join (select id, max(accepted_at) as accepted_at from {{ accepted }} group by id) as accepted
        on accepted.id = {{ asof.literal(spec.name ~ '.') }} || read_cells.cell.column_name
    where read_cells.part = 0 or accepted.accepted_at is null or read_cells.known_at > accepted.accepted_at
),

sizes as materialized (
    select part, column_name, count(*) as size, count(*) filter (where is_null) as nulls
    from cells
    group by part, column_name
),

{#- Kolmogorov-Smirnov: the widest gap between the distribution of a part and that of the past, beside its steps #}
points as materialized (
    select column_name, part, number, count(*) as amount
    from cells
    where number is not null and isfinite(number)
    group by column_name, part, number
),

steps as (
    select
        column_name,
        part,
        amount,
        sum(amount) over (partition by column_name, part order by number) as upto,
        sum(amount) over (partition by column_name, part) as size,
        sum(amount) filter (where part > 0) over (partition by column_name, number) as past_amount,
        sum(amount) filter (where part > 0) over (partition by column_name order by number) as past_upto,
        sum(amount) filter (where part > 0) over (partition by column_name) as past_size
    from points
),

{#- categories: of how many past parts has each value rows, and how many are expected #}
value_parts as materialized (
    select column_name, value, part, count(*) as amount
    from cells
    where value is not null
    group by column_name, value, part
),

known_values as materialized (
    select
        column_name,
        value,
        count(*) filter (where part > 0) as past_parts,
        coalesce(sum(amount) filter (where part > 0), 0) as past_amount
    from value_parts
    group by column_name, value
),

past_columns as materialized (
    select
        sizes.column_name,
        count(*) filter (where part > 0) as parts,
        sum(size - nulls) filter (where part > 0) as filled,
        coalesce(sum(size - nulls) filter (where part = 0), 0) as new_filled,
        coalesce(any_value(known.amount), 0) between 1 and 50 as is_category
    from sizes
    left join (
        select column_name, count(*) as amount from known_values where past_parts > 0 group by column_name
    ) as known
        on sizes.column_name = known.column_name
    group by sizes.column_name
),

late as materialized (
    select quantile_cont(number, 0.99) as usual
    from cells
    where column_name = 'occurred_at' and part > 0
),

measures as materialized (
    select 'null_rate' as rule, column_name, '' as value, part, nulls / size as measure, size, nulls as amount
    from sizes

    union all

    select
        'copies', '', '', asof_part, avg(cast(asof_is_copy as integer)), count(*),
        count(*) filter (where asof_is_copy)
    from read_rows
    group by asof_part

    union all

    select
        'late_rows', 'occurred_at', '', part, avg(cast(number > late.usual as integer)), count(*),
        count(*) filter (where number > late.usual)
    from cells
    cross join late
    where column_name = 'occurred_at' and late.usual is not null
    group by part

    union all

    select
        'distribution', column_name, '', part,
        max(greatest(
            abs(upto / size - coalesce(past_upto, 0) / past_size),
            abs((upto - amount) / size - (coalesce(past_upto, 0) - coalesce(past_amount, 0)) / past_size)
        )),
        max(size), max(size)
    from steps
    where past_size > 0
    group by column_name, part

    union all

    select
        'unseen', column_name, '', part,
        coalesce(sum(amount) filter (where past_parts <= cast(part > 0 as integer)), 0) / sum(amount),
        sum(amount), coalesce(sum(amount) filter (where past_parts <= cast(part > 0 as integer)), 0)
    from value_parts
    inner join known_values using (column_name, value)
    group by column_name, part

    union all

    select
        'category_share', known_values.column_name, known_values.value, sizes.part,
        coalesce(value_parts.amount, 0) / (sizes.size - sizes.nulls), sizes.size - sizes.nulls,
        coalesce(value_parts.amount, 0)
    from known_values
    inner join past_columns using (column_name)
    inner join sizes using (column_name)
    left join value_parts using (column_name, value, part)
    where past_columns.is_category and known_values.past_parts > 0 and sizes.size > sizes.nulls
),

{#- the range of the past: all of its parts but the most unlike one in twenty at each end #}
ranges as materialized (
    select
        rule,
        column_name,
        value,
        max(measure) filter (where part = 0) as measure,
        max(size) filter (where part = 0) as size,
        max(amount) filter (where part = 0) as amount,
        sum(size) filter (where part > 0) as past_size,
        count(*) filter (where part > 0) as parts,
        quantile_cont(measure, 0.05) filter (where part > 0) as least_measure,
        quantile_cont(measure, 0.95) filter (where part > 0) as most_measure
    from measures
    group by rule, column_name, value
    having count(*) filter (where part > 0) >= 8 and count(*) filter (where part = 0) = 1
),

judged as materialized (
    select *, {{ asof.literal(spec.name) }} as subject from ranges
),

days as materialized (
    select
        cast(floor(epoch({{ now }} - known_at) / 86400) as bigint) as day,
        median(epoch(known_at - occurred_at)) as lateness
    from numbered
    group by cast(floor(epoch({{ now }} - known_at) / 86400) as bigint)
    having count(*) >= 30
),

late_days as (
    select
        {{ asof.literal(spec.name) }} as subject,
        'occurred_at' as column_name,
        max(lateness) filter (where day = 0) as lateness,
        max(lateness) filter (where day > 0) as most_lateness
    from days
    where (select has_past from amounts)
    having count(*) filter (where day > 0) >= 7
),

whole as materialized (
    select {{ asof.literal(spec.name) }} as subject, '' as column_name, *
    from feed
    cross join weeks
    cross join amounts
),

outcomes as (
    {#- feeds #}
    {%- if spec.get('error_after_seconds') is not none %}
    select
        'freshness' as rule, 'hold' as level, column_name,
        {{ asof.health_hours(spec.error_after_seconds) }} as was,
        {{ asof.health_hours('silence') }} as found,
        {{ asof.health_hours(asof.health_limit('freshness', 'hold', options) ~ ' * ' ~ spec.error_after_seconds) }}
            as allowed
    from whole
    where silence > {{ asof.health_limit('freshness', 'hold', options) }} * {{ spec.error_after_seconds }}

    union all
    {%- endif %}

    select
        'stopped' as rule, 'hold' as level, column_name,
        {{ asof.health_hours('usual_gap') }} as was,
        {{ asof.health_hours('silence') }} as found,
        {{ asof.health_hours(stopped_limit) }} as allowed
    from whole
    where
        silence > {{ stopped_limit }}
        and least(week1, week2, week3, week4) >= 50

    union all

    select
        'gap', 'hold', column_name, {{ asof.health_hours('longest_gap') }}, {{ asof.health_hours('silence') }},
        {{ asof.health_hours(gap_limit) }}
    from whole
    where
        moments >= 30
        and span >= 8 * 86400
        and silence > {{ gap_limit }}

    {%- for rule, end, sign in [('volume_low', 'least', '<'), ('volume_high', 'most', '>')] %}

    union all

    select
        '{{ rule }}', 'warn', '', cast(max({{ end }}_amount) filter (where place = 0) as varchar) || ' rows',
        cast(max(amount) filter (where place = 0) as varchar) || ' rows',
        {{ asof.health_number('max(allowed) filter (where place = 0)') }} || ' rows'
    from (
        select *, {{ asof.health_limit(rule, 'warn', options) }} * {{ end }}_amount as allowed
        from (select *, {{ asof.literal(spec.name) }} as subject, '' as column_name from windows)
    )
    where {{ end }}_amount >= 20 and amount {{ sign }} allowed
    having count(*) >= 2 and min(place) = 0
    {%- endfor %}

    union all

    select
        'future', 'warn', 'occurred_at', '0', {{ asof.health_number('ahead / new_rows') }},
        {{ asof.health_number(asof.health_limit('future', 'warn', options)) }}
    from (select ahead, new_rows, subject, 'occurred_at' as column_name from whole)
    where ahead > {{ asof.health_limit('future', 'warn', options) }} * new_rows

    union all

    select
        'lateness', 'warn', column_name, {{ asof.health_hours('most_lateness') }}, {{ asof.health_hours('lateness') }},
        {{ asof.health_hours(asof.health_limit('lateness', 'warn', options) ~ ' * most_lateness') }}
    from late_days
    where
        lateness > {{ asof.health_limit('lateness', 'warn', options) }} * most_lateness
        and lateness > most_lateness + 60

    union all

    select
        'null_rate', 'hold', column_name, {{ asof.health_past('measure') }}, {{ asof.health_number('measure') }},
        {{ asof.health_number(asof.health_limit('null_rate', 'hold', options, 'events')) }}
    from judged
    where
        rule = 'null_rate'
        and size >= 60
        and measure > {{ asof.health_limit('null_rate', 'hold', options, 'events') }}
        and most_measure < least(0.1, {{ asof.health_limit('null_rate', 'hold', options, 'events') }} / 2)

    {%- for rule in ['null_rate', 'late_rows', 'copies', 'unseen', 'category_share', 'distribution'] %}
    {%- set limit = asof.health_limit(rule, 'warn', options, 'events') %}
    {%- set error = '2.8 * sqrt(1 / size + 1 / past_size)' if rule == 'distribution'
        else '5 * ' ~ asof.health_error('most_measure', 'size') %}
    {%- set floor = asof.health_at_least(limit, error) %}

    union all

    (
        select
            '{{ rule }}', 'warn', column_name,
            {{ "value || ': ' || " if rule == 'category_share' }}{{ asof.health_past('measure') }},
            {{ "value || ': ' || " if rule == 'category_share' }}{{ asof.health_number('measure') }},
            {{ asof.health_allowed('measure', floor) }}
        from judged
        where
            rule = '{{ rule }}'
            and size >= {{ 60 if rule == 'distribution' else 20 }}
            {{ 'and amount >= 10' if rule == 'unseen' }}
            and {{ asof.health_outside('measure', 'measure', floor) }}
        qualify row_number() over (
            partition by column_name order by greatest(measure - most_measure, least_measure - measure) desc, value
        ) = 1
    )
    {%- endfor %}

    union all

    select
        'category_gone', 'warn', column_name,
        max_by(value, expected) || ': ' || {{ asof.health_number('max(expected)') }} || ' rows', '0',
        {{ asof.health_number('any_value(' ~ asof.health_limit('category_gone', 'warn', options, 'events') ~ ')') }}
    from (
        select
            {{ asof.literal(spec.name) }} as subject,
            known_values.column_name,
            known_values.value,
            known_values.past_amount / past_columns.filled * past_columns.new_filled as expected
        from known_values
        inner join past_columns using (column_name)
        left join value_parts
            on
                known_values.column_name = value_parts.column_name
                and known_values.value = value_parts.value
                and value_parts.part = 0
        where
            value_parts.value is null
            and past_columns.is_category
            and past_columns.parts >= 8
            and known_values.past_parts >= 0.95 * past_columns.parts
    )
    where expected >= {{ asof.health_limit('category_gone', 'warn', options, 'events') }}
    group by column_name
)

select rule, level, 'events' as kind, {{ asof.literal(spec.name) }} as subject, column_name, was, found, allowed
from outcomes
order by level, column_name, rule
{% endmacro %}

{# Seconds, as text in hours. #}
{% macro health_hours(seconds) -%} {{ asof.health_number('(' ~ seconds ~ ') / 3600.0') }} || ' hours' {%- endmacro %}

{# What a type is to the rules: 'number', 'text' (a category, if it has few values), or 'other'. #}
{% macro health_kind_of(type) %}
    {%- set type = type | lower -%}
    {%- if type.endswith(']') -%}{{- return('other') -}}
    {%- elif modules.re.match('^(tinyint|smallint|integer|bigint|hugeint|int|u.*int|decimal|numeric|float|double|real)',
        type) -%}{{- return('number') -}}
    {%- elif modules.re.match('^(varchar|text|char|boolean|bool|uuid|enum)', type) -%}{{- return('text') -}}
    {%- endif -%}
    {{- return('other') -}}
{% endmacro %}
