{#
  SQL: what the rules find in event models, of their newest rows against their own past:
  (rule, level, kind, subject, column_name, was, found, allowed), the last three as text. One row per rule, level, model
  and column.

  measured: a relation of what asof.event_measures_sql gives, a row for each model.
  accepted: a relation of (id, accepted_at): rows known before a new normal of a column ('stg_scans.place') are no past
    of it.
  options: see health_limit; the subject is the model's name.
#}
{% macro event_findings_sql(measured, accepted, options=[]) %}
{%- set stopped_limit = asof.health_at_least(asof.health_limit('stopped', 'hold', options) ~ ' * usual_gap',
    '1800') -%}
{%- set gap_limit = asof.health_at_least(asof.health_limit('gap', 'hold', options) ~ ' * longest_gap',
    'greatest(1800, longest_gap + 20 * gap_stddev)') -%}
{%- set rules_of_parts = ['null_rate', 'late_rows', 'copies', 'unseen', 'category_share', 'distribution'] -%}
{%- set windows = [] -%}
{%- for place in range(3) -%}
    {%- set names = [] -%}
    {%- for week in range(1, 5) -%}{%- do names.append('week' ~ week ~ '_window' ~ place) -%}{%- endfor -%}
    {%- do windows.append(names | join(', ')) -%}
{%- endfor -%}
with
cells as materialized (
    select read_cells.subject, read_cells.part, unnest(read_cells.cell)
    from (
        select subject, read_row.part, read_row.known_at, unnest(read_row.cells) as cell
        from (select subject, unnest(read_rows) as read_row from {{ measured }})
    ) as read_cells
    left join (select id, max(accepted_at) as accepted_at from {{ accepted }} group by id) as accepted
        on accepted.id = read_cells.subject || '.' || read_cells.cell.column_name
    where read_cells.part = 0 or accepted.accepted_at is null or read_cells.known_at > accepted.accepted_at
),

sizes as materialized (
    select subject, part, column_name, count(*) as size, count(*) filter (where is_null) as nulls
    from cells
    group by subject, part, column_name
),

{#- Kolmogorov-Smirnov, over twentieths of the past #}
edges as materialized (
    select
        subject,
        column_name,
        quantile_disc(number, [{% for place in range(1, 20) %}{{ place / 20 }}{{ ', ' if not loop.last }}{% endfor %}])
            as edges
    from cells
    where part > 0 and number is not null and isfinite(number)
    group by subject, column_name
),

binned as (
    select
        subject, column_name, part, len(list_filter(edges.edges, lambda edge: edge < number)) as bin, count(*) as amount
    from cells
    inner join edges using (subject, column_name)
    where number is not null and isfinite(number)
    group by subject, column_name, part, bin
),

past_bins as (
    select subject, column_name, bin, sum(amount) as amount
    from binned
    where part > 0
    group by subject, column_name, bin
),

steps as (
    select
        subject,
        column_name,
        parts.part,
        sum(coalesce(binned.amount, 0)) over (partition by subject, column_name, parts.part order by bin) as upto,
        sum(coalesce(binned.amount, 0)) over (partition by subject, column_name, parts.part) as size,
        sum(past_bins.amount) over (partition by subject, column_name, parts.part order by bin) as past_upto,
        sum(past_bins.amount) over (partition by subject, column_name, parts.part) as past_size
    from (
        select subject, column_name, bin, amount from past_bins
        union all
        select subject, column_name, bin, 0 from binned where part = 0 and (subject, column_name, bin) not in (
            select (subject, column_name, bin) from past_bins
        )
    ) as past_bins
    inner join (select distinct subject, column_name, part from binned) as parts using (subject, column_name)
    left join binned using (subject, column_name, part, bin)
),

{#- categories: of how many past parts has each value rows, and how many are expected #}
value_parts as materialized (
    select subject, column_name, value, part, count(*) as amount
    from cells
    where value is not null
    group by subject, column_name, value, part
),

known_values as materialized (
    select
        subject,
        column_name,
        value,
        count(*) filter (where part > 0) as past_parts,
        coalesce(sum(amount) filter (where part > 0), 0) as past_amount,
        coalesce(sum(amount) filter (where part = 0), 0) as new_amount
    from value_parts
    group by subject, column_name, value
),

past_columns as materialized (
    select
        sizes.subject,
        sizes.column_name,
        count(*) filter (where part > 0) as parts,
        sum(size - nulls) filter (where part > 0) as filled,
        coalesce(sum(size - nulls) filter (where part = 0), 0) as new_filled,
        coalesce(any_value(known.amount), 0) between 1 and 50 as is_category
    from sizes
    left join (
        select subject, column_name, count(*) as amount
        from known_values
        where past_parts > 0
        group by subject, column_name
    ) as known
        on sizes.subject = known.subject and sizes.column_name = known.column_name
    group by sizes.subject, sizes.column_name
),

late as materialized (
    select subject, quantile_cont(number, 0.99) as usual
    from cells
    where column_name = 'occurred_at' and part > 0
    group by subject
),

measures as materialized (
    select
        case column_name when '' then 'copies' else 'null_rate' end as rule,
        subject,
        column_name,
        '' as value,
        part,
        nulls / size as measure,
        size,
        nulls as amount
    from sizes

    union all

    select
        'late_rows', subject, 'occurred_at', '', part, avg(cast(number > late.usual as integer)), count(*),
        count(*) filter (where number > late.usual)
    from cells
    inner join late using (subject)
    where column_name = 'occurred_at' and late.usual is not null
    group by subject, part

    union all

    select
        'distribution', subject, column_name, '', part, max(abs(upto / size - past_upto / past_size)), max(size),
        max(size)
    from steps
    group by subject, column_name, part

    union all

    select
        'unseen', subject, column_name, '', part,
        coalesce(sum(amount) filter (where past_parts <= cast(part > 0 as integer)), 0) / sum(amount),
        sum(amount), coalesce(sum(amount) filter (where past_parts <= cast(part > 0 as integer)), 0)
    from value_parts
    inner join known_values using (subject, column_name, value)
    inner join past_columns using (subject, column_name)
    where past_columns.is_category
    group by subject, column_name, part

    union all

    select
        'category_share', known_values.subject, known_values.column_name, known_values.value, sizes.part,
        coalesce(value_parts.amount, 0) / (sizes.size - sizes.nulls), sizes.size - sizes.nulls,
        coalesce(value_parts.amount, 0)
    from known_values
    inner join past_columns using (subject, column_name)
    inner join sizes using (subject, column_name)
    left join value_parts using (subject, column_name, value, part)
    where past_columns.is_category and known_values.past_parts > 0 and sizes.size > sizes.nulls
),

{#- the range of the past: all of its parts but the most unlike one in twenty at each end #}
judged as materialized (
    select
        rule,
        subject,
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
    group by rule, subject, column_name, value
    having count(*) filter (where part > 0) >= 8 and count(*) filter (where part = 0) = 1
),

whole as (
    select
        * exclude (read_rows),
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
    from {{ measured }}
),

{#- of the feed as a whole: a rule finds something where `found` is over `allowed`, or under it (volume_low) #}
of_feed as (
    select subject, unnest([
        {
            'rule': 'freshness', 'level': 'hold', 'column_name': '', 'unit': ' hours',
            'was': error_after_seconds / 3600, 'found': silence / 3600,
            'allowed': {{ asof.health_limit('freshness', 'hold', options) }} * error_after_seconds / 3600,
            'is_found': error_after_seconds is not null
        },
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
        subject,
        column_name,
        {{ asof.health_number('was') }} || unit as was,
        {{ asof.health_number('found') }} || unit as found,
        {{ asof.health_number('allowed') }} || unit as allowed
    from of_feed
    where is_found and case rule when 'volume_low' then found < allowed else found > allowed end

    union all

    select
        'null_rate', 'hold', subject, column_name, {{ asof.health_past('measure') }},
        {{ asof.health_number('measure') }},
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
            rule, 'warn', subject, column_name,
            case when value <> '' then value || ': ' else '' end || {{ asof.health_past('measure') }},
            case when value <> '' then value || ': ' else '' end || {{ asof.health_number('measure') }},
            {{ asof.health_allowed('measure', asof.health_at_least('threshold', 'error')) }}
        from of_parts
        where {{ asof.health_outside('measure', 'measure', asof.health_at_least('threshold', 'error')) }}
        qualify row_number() over (
            partition by rule, subject, column_name
            order by greatest(measure - most_measure, least_measure - measure) desc, value
        ) = 1
    )

    union all

    select
        'category_gone', 'warn', subject, column_name,
        max_by(value, (expected, value)) || ': ' || {{ asof.health_number('max(expected)') }} || ' rows', '0',
        {{ asof.health_number('any_value(' ~ asof.health_limit('category_gone', 'warn', options, 'events') ~ ')') }}
    from (
        select
            known_values.subject,
            known_values.column_name,
            known_values.value,
            known_values.past_amount / past_columns.filled * past_columns.new_filled as expected
        from known_values
        inner join past_columns using (subject, column_name)
        where
            known_values.new_amount = 0
            and past_columns.is_category
            and past_columns.parts >= 8
            and known_values.past_parts >= 0.95 * past_columns.parts
    )
    where expected >= {{ asof.health_limit('category_gone', 'warn', options, 'events') }}
    group by subject, column_name
)

select rule, level, 'events' as kind, subject, column_name, was, found, allowed
from outcomes
order by level, subject, column_name, rule
{% endmacro %}
