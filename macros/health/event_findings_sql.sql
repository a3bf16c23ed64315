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
  less than seven days or came in one load. Of many rows a part is read: at most some 2,000 new ones and 32 parts.
#}
{% macro event_findings_sql(relation, spec, now, since, accepted, options=[]) %}
{%- set columns = spec.columns | rejectattr('name', 'in', ['event_id', 'occurred_at', 'known_at']) | list -%}
{%- set content = columns | map(attribute='name') | list + ['occurred_at'] -%}
{%- set stopped_limit = asof.health_at_least(asof.health_limit('stopped', 'hold', options) ~ ' * usual_gap',
    '1800') -%}
{%- set gap_limit = asof.health_at_least(asof.health_limit('gap', 'hold', options) ~ ' * longest_gap',
    'greatest(1800, longest_gap + 6 * gap_stddev)') -%}
{%- set rules_of_parts = ['null_rate', 'late_rows', 'copies', 'unseen', 'category_share', 'distribution'] -%}
{%- set windows = [] -%}
{%- for place in range(3) -%}
    {%- set names = [] -%}
    {%- for week in range(1, 5) -%}{%- do names.append('week' ~ week ~ '_window' ~ place) -%}{%- endfor -%}
    {%- do windows.append(names | join(', ')) -%}
{%- endfor -%}
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
    select known_at, sum(amount) over (order by known_at desc) - amount as newer
    from (select known_at, amount from arrivals order by known_at desc limit 300)
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
    select events.*, bounds.asof_new_after, {{ asof.row_hash(content) }} as asof_hash
    from {{ relation }} as events
    cross join (select new_after as asof_new_after, accepted_at as asof_accepted_at from bounds) as bounds
    where
        events.known_at <= {{ now }}
        and events.known_at > bounds.asof_new_after - interval '28 days'
        and events.known_at > least(bounds.asof_accepted_at, bounds.asof_new_after)
),

numbered as materialized (
    select
        chosen.*,
        known_at > asof_new_after as asof_is_new,
        min(event_id) over (partition by asof_hash) <> event_id as asof_is_copy,
        row_number() over (partition by known_at > asof_new_after order by known_at desc, asof_hash) - 1 as asof_place
    from chosen
    cross join amounts
    where asof_hash % amounts.every = 0
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
        asof_part % (select greatest(1, cast(ceil(max(asof_part) / 32) as bigint)) from parts) = 0
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

{#- Kolmogorov-Smirnov, over twentieths of the past #}
edges as materialized (
    select
        column_name,
        quantile_disc(number, [{% for place in range(1, 20) %}{{ place / 20 }}{{ ', ' if not loop.last }}{% endfor %}])
            as edges
    from cells
    where part > 0 and number is not null and isfinite(number)
    group by column_name
),

binned as (
    select column_name, part, len(list_filter(edges.edges, lambda edge: edge < number)) as bin, count(*) as amount
    from cells
    inner join edges using (column_name)
    where number is not null and isfinite(number)
    group by column_name, part, bin
),

past_bins as (
    select column_name, bin, sum(amount) as amount from binned where part > 0 group by column_name, bin
),

steps as (
    select
        column_name,
        parts.part,
        sum(coalesce(binned.amount, 0)) over (partition by column_name, parts.part order by bin) as upto,
        sum(coalesce(binned.amount, 0)) over (partition by column_name, parts.part) as size,
        sum(past_bins.amount) over (partition by column_name, parts.part order by bin) as past_upto,
        sum(past_bins.amount) over (partition by column_name, parts.part) as past_size
    from (
        select column_name, bin, amount from past_bins
        union all
        select column_name, bin, 0 from binned where part = 0 and (column_name, bin) not in (
            select (column_name, bin) from past_bins
        )
    ) as past_bins
    inner join (select distinct column_name, part from binned) as parts using (column_name)
    left join binned using (column_name, part, bin)
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
        coalesce(sum(amount) filter (where part > 0), 0) as past_amount,
        coalesce(sum(amount) filter (where part = 0), 0) as new_amount
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
        'distribution', column_name, '', part, max(abs(upto / size - past_upto / past_size)), max(size), max(size)
    from steps
    group by column_name, part

    union all

    select
        'unseen', column_name, '', part,
        coalesce(sum(amount) filter (where past_parts <= cast(part > 0 as integer)), 0) / sum(amount),
        sum(amount), coalesce(sum(amount) filter (where past_parts <= cast(part > 0 as integer)), 0)
    from value_parts
    inner join known_values using (column_name, value)
    inner join past_columns using (column_name)
    where past_columns.is_category
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

days as (
    select
        cast(floor(epoch({{ now }} - known_at) / 86400) as bigint) as day,
        median(epoch(known_at - occurred_at)) as lateness
    from numbered
    -- by its place: the event model may have a column of that name
    group by 1
    having count(*) >= 30
),

late_days as (
    select
        max(lateness) filter (where day = 0) as lateness,
        case when count(*) filter (where day > 0) >= 7 then max(lateness) filter (where day > 0) end as most_lateness
    from days
),

whole as (
    select
        *,
        {{ asof.literal(spec.name) }} as subject,
        '' as column_name,
        least(week1, week2, week3, week4) as least_week,
        {%- for place in range(3) %}
        least({{ windows[place] }}) as least_window{{ place }},
        greatest({{ windows[place] }}) as most_window{{ place }},
        {%- endfor %}
        {%- for name, end, sign in [('low', 'least', '<'), ('high', 'most', '>')] %}
        {%- for place in range(3) %}
        cast(
            {{ end }}_window{{ place }} >= 20
            and week0_window{{ place }} {{ sign }} {{ asof.health_limit('volume_' ~ name, 'warn', options) }}
            * {{ end }}_window{{ place }} as integer
        ) {{ '+' if not loop.last else 'as ' ~ name ~ ',' }}
        {%- endfor %}
        {%- endfor %}
    from feed
    cross join weeks
    cross join amounts
    cross join late_days
),

{#- of the feed as a whole: a rule finds something where `found` is over `allowed`, or under it (volume_low) #}
of_feed as (
    select unnest([
        {%- if spec.get('error_after_seconds') is not none %}
        {
            'rule': 'freshness', 'level': 'hold', 'column_name': '', 'unit': ' hours',
            'was': {{ spec.error_after_seconds }} / 3600, 'found': silence / 3600,
            'allowed': {{ asof.health_limit('freshness', 'hold', options) }} * {{ spec.error_after_seconds }} / 3600,
            'is_found': true
        },
        {%- endif %}
        {
            'rule': 'stopped', 'level': 'hold', 'column_name': '', 'unit': ' hours',
            'was': usual_gap / 3600, 'found': silence / 3600, 'allowed': {{ stopped_limit }} / 3600,
            'is_found': least_week >= 50
        },
        {
            'rule': 'gap', 'level': 'hold', 'column_name': '', 'unit': ' hours',
            'was': longest_gap / 3600, 'found': silence / 3600, 'allowed': {{ gap_limit }} / 3600,
            'is_found': moments >= 30 and span >= 8 * 86400
        },
        {
            'rule': 'volume_high', 'level': 'warn', 'column_name': '', 'unit': ' rows',
            'was': most_window0, 'found': week0_window0,
            'allowed': {{ asof.health_limit('volume_high', 'warn', options) }} * most_window0,
            'is_found': is_long and high >= 2
        },
        {
            'rule': 'volume_low', 'level': 'warn', 'column_name': '', 'unit': ' rows',
            'was': least_window0, 'found': week0_window0,
            'allowed': {{ asof.health_limit('volume_low', 'warn', options) }} * least_window0,
            'is_found': is_long and low >= 2
        },
        {
            'rule': 'future', 'level': 'warn', 'column_name': 'occurred_at', 'unit': '',
            'was': 0, 'found': ahead / nullif(new_rows, 0),
            'allowed': {{ asof.health_limit('future', 'warn', options) }}, 'is_found': true
        },
        {
            'rule': 'lateness', 'level': 'warn', 'column_name': 'occurred_at', 'unit': ' hours',
            'was': most_lateness / 3600, 'found': lateness / 3600,
            'allowed': {{ asof.health_limit('lateness', 'warn', options) }} * most_lateness / 3600,
            'is_found': has_past and lateness > most_lateness + 60
        }
    ], recursive := true)
    from whole
),

of_parts as (
    select
        *,
        case rule
            {%- for rule in rules_of_parts %}
            when '{{ rule }}' then {{ asof.health_limit(rule, 'warn', options, 'events') }}
            {%- endfor %}
        end as threshold,
        case rule
            when 'distribution' then 2.8 * sqrt(1 / size + 1 / past_size)
            else 5 * {{ asof.health_error('most_measure', 'size') }}
        end as error
    from judged
    where size >= case rule when 'distribution' then 60 else 20 end and (rule <> 'unseen' or amount >= 10)
),

outcomes as (
    select
        rule,
        level,
        column_name,
        {{ asof.health_number('was') }} || unit as was,
        {{ asof.health_number('found') }} || unit as found,
        {{ asof.health_number('allowed') }} || unit as allowed
    from of_feed
    where is_found and case rule when 'volume_low' then found < allowed else found > allowed end

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

    union all

    (
        select
            rule, 'warn', column_name,
            case when value <> '' then value || ': ' else '' end || {{ asof.health_past('measure') }},
            case when value <> '' then value || ': ' else '' end || {{ asof.health_number('measure') }},
            {{ asof.health_allowed('measure', asof.health_at_least('threshold', 'error')) }}
        from of_parts
        where {{ asof.health_outside('measure', 'measure', asof.health_at_least('threshold', 'error')) }}
        qualify row_number() over (
            partition by rule, column_name
            order by greatest(measure - most_measure, least_measure - measure) desc, value
        ) = 1
    )

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
        where
            known_values.new_amount = 0
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
