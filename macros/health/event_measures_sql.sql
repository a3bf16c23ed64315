{#
  SQL: what the rules judge of an event model, as one row: how its rows arrived, and `read_rows`, its new rows and those
  of its past that are read, each {part, known_at, cells: [{column_name, is_null, number, value}]}. Part 0 are the new
  rows. The cell of column '' says whether the row is a copy, that of occurred_at how late it was.

  relation: the event model.
  spec: {name, columns: [{name, type}], error_after_seconds}: the model's name, its columns with event_id, occurred_at
    and known_at among them, and what its source declares as `freshness.error_after` (none: nothing).
  now, since: SQL expressions of the run's moment and of that of the run before it (null: there was none).
  accepted: a relation of (id, accepted_at): rows known before a new normal of the model ('stg_scans') are no past.

  The new rows are those that became known since the run before, at least the newest 300 of the last 7 days; the past
  are the 28 days before them, cut into parts of as many rows as are new, by time. A measure of the new rows is held
  against the same measure of the parts, so hours and days of all kinds are in its range. There is no past if it is of
  less than seven days or came in one load. Of many rows a part is read: at most some 2,000 new ones and 32 parts.
#}
{% macro event_measures_sql(relation, spec, now, since, accepted) %}
{%- set columns = spec.columns | rejectattr('name', 'in', ['event_id', 'occurred_at', 'known_at']) | list -%}
{%- set content = columns | map(attribute='name') | list + ['occurred_at'] -%}
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
        coalesce(stddev_samp(gap order by gap), 0) as gap_stddev,
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
        row_number() over (
            partition by known_at > asof_new_after order by known_at desc, asof_hash, event_id
        ) - 1 as asof_place
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

read_rows as (
    select *, epoch(known_at - occurred_at) as asof_lateness
    from parts
    where
        asof_part % (select greatest(1, cast(ceil(max(asof_part) / 32) as bigint)) from parts) = 0
        and asof_part <= (select past_rows / every / length from amounts)
),

rows_of_cells as (
    select
        list({
            'part': asof_part,
            'known_at': known_at,
            'cells': [
                {%- for column in columns %}
                {%- set kind = asof.health_kind_of(column.type) %}
                {
                    'column_name': {{ asof.literal(column.name) }},
                    'is_null': {{ column.name }} is null,
                    'number': cast({{ column.name if kind == 'number' else 'null' }} as double),
                    'value': cast({{ column.name if kind == 'text' else 'null' }} as varchar)
                },
                {%- endfor %}
                {'column_name': 'occurred_at', 'is_null': occurred_at is null, 'number': asof_lateness, 'value': null},
                {'column_name': '', 'is_null': asof_is_copy, 'number': null, 'value': null}
            ]
        }) as read_rows
    from read_rows
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
)

select
    {{ asof.literal(spec.name) }} as subject,
    cast({{ asof.literal(spec.get('error_after_seconds')) }} as bigint) as error_after_seconds,
    feed.*,
    weeks.*,
    amounts.* exclude (every, length),
    late_days.*,
    rows_of_cells.read_rows
from feed
cross join weeks
cross join amounts
cross join late_days
cross join rows_of_cells
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
