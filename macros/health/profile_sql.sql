{#
  The rows of asof_profiles for some relations, in one statement: one row of the whole of each (column ''), and one of
  each of its columns.

  subjects: a list of {kind, subject, columns, rows, details, known, where}.
  - columns: a list of {name, sql, type, meta, hides_values}. sql: the name, quoted; hides_values: of keys and personal
    columns no value is kept.
  - rows: the name of a relation, or a SELECT in brackets.
  - details: an aggregate over these rows that gives the JSON object of the whole; none where there is none.
  - where: of which rows the columns are measured, a condition; left out, of all.
  - known: by column {bins, categories}: the edges that were fixed before, and the values that healthy profiles held;
    none of either where there is no such profile.
  run_id, as_of: of the run that built it.

  Columns are measured as cells {place, text, units, real, is_outside}, so that one aggregate does for all of them:
  units is the exact number without its point, of whole numbers and of decimals of up to 18 digits. Cells are read
  twice, as the second reading needs bins and categories; they are not stored, as there can be many.
#}
{% macro profile_sql(subjects, run_id, as_of) -%}
    {%- set columns = asof.placed_columns(subjects) -%}
    with
    {%- for subject in subjects %}
    asof_rows_{{ loop.index }} as (
        select * from {{ subject.rows }} as asof_source
    ),
    {%- endfor %}
    asof_wholes as (
        {%- for subject in subjects %}
        select
            {{ asof.literal(subject.kind) }} as kind,
            {{ asof.literal(subject.subject) }} as subject,
            count(*) as rows,
            {{ subject.details or 'cast(null as varchar)' }} as details
        from asof_rows_{{ loop.index }}
        {{ 'union all' if not loop.last }}
        {%- endfor %}
    )
    {%- if columns %},
    asof_columns as (
        select *
        from (
            values
            {%- for each in columns %}
            (
                {{ each.place }}, {{ asof.literals([each.kind, each.subject, each.column.name, each.column.type]) }},
                {{ asof.literals([each.scale, each.shows_ends, each.may_show_top, each.outside is not none]) }},
                cast({{ each.known.bins or 'null' }} as double[]),
                {{ '[' ~ asof.literals(each.known.categories) ~ ']' if each.known.categories
                    else 'cast(null as varchar[])' }}
            ){{ ',' if not loop.last }}
            {%- endfor %}
        ) as asof_listed (
            place, kind, subject, column_name, type, scale, shows_ends, may_show_top, has_range, fixed_bins, seen
        )
    ),
    asof_cells as not materialized (
        select *, {{ asof.finite('real', 'double') }} as number
        from (
            {%- for number, listed in columns | groupby('of') %}
            select
                unnest([
                    {%- for each in listed %}
                    {
                        'place': {{ each.place }},
                        'text': cast({{ each.column.sql }} as varchar),
                        'units': {{ each.units }},
                        'real': {{ each.real }},
                        'is_outside': {{ each.outside or 'cast(null as boolean)' }}
                    }{{ ',' if not loop.last }}
                    {%- endfor %}
                ], recursive := true)
            from asof_rows_{{ number }}
            where {{ subjects[number - 1].where or 'true' }}
            {{ 'union all' if not loop.last }}
            {%- endfor %}
        ) as asof_unnested
    ),
    asof_first as (
        select
            place,
            count(*) as rows,
            count(text) as filled,
            count(distinct text) as distinct_count,
            {%- for name, extreme in [('minimum', 'arg_min'), ('maximum', 'arg_max')] %}
            {{ extreme }}(text, {'units': units, 'real': real, 'text': text}) filter (where text is not null)
                as {{ name }},
            {%- endfor %}
            cast(sum(units) as double) as sum_units,
            avg(number order by number) as mean_number,
            stddev_samp(number order by number) as stddev,
            {{ asof.quantiles('number', asof.profile_quantiles()) }} as quantiles,
            {{ asof.quantiles('number', asof.profile_bins()) }} as own_bins,
            count(*) filter (where is_outside) as out_of_range,
            {{ asof.checksum(['text']) }} as checksum
        from asof_cells
        group by place
    ),
    asof_measured as materialized (
        select
            asof_columns.*,
            asof_first.* exclude (place),
            case
                when rows > 0
                    then coalesce(fixed_bins, case when filled >= 60 then {{ asof.distinct_sorted('own_bins') }} end)
            end as bins,
            may_show_top and distinct_count <= least(50, filled / 2) as is_category
        from asof_columns
        left join asof_first using (place)
    ),
    asof_counted as (
        select
            place,
            {{ asof.binned('number', 'bins') }} as histogram,
            {{ asof.value_counts('text', 'is_category and text is not null') }} as top,
            count(*) filter (where not list_contains(seen, text)) as unseen
        from asof_cells
        inner join asof_measured using (place)
        group by place
    )
    {%- endif %}
    select
        kind,
        subject,
        {{ asof.literal(run_id) }} as run_id,
        {{ asof.sql_time(as_of) }} as as_of,
        {{ asof.profile_columns() | join(', ') }}
    from (
        select
            kind, subject, '' as column_name, null as type, rows, null as nulls, null as distinct_count,
            null as minimum, null as maximum, null as mean, null as stddev, null as quantiles, null as bins,
            null as histogram, null as top, null as unseen, null as out_of_range, null as checksum, details
        from asof_wholes
        {%- if columns %}
        union all
        select
            kind,
            subject,
            column_name,
            type,
            coalesce(rows, 0),
            coalesce(rows - filled, 0),
            coalesce(distinct_count, 0),
            case when shows_ends or (may_show_top and is_category) then {{ asof.text_of('minimum') }} end,
            case when shows_ends or (may_show_top and is_category) then {{ asof.text_of('maximum') }} end,
            coalesce(sum_units / (filled * power(10, scale)), mean_number),
            stddev,
            quantiles,
            bins,
            {{ asof.bin_counts('histogram', 'bins') }},
            top,
            case when seen is not null then coalesce(unseen, 0) end,
            case when has_range then coalesce(out_of_range, 0) end,
            coalesce(checksum, 0),
            null
        from asof_measured
        left join asof_counted using (place)
        {%- endif %}
    ) as asof_profiled
{%- endmacro %}

{# What is measured of a profile's subject, in the order of the record; the rest of a row is whose it is. #}
{% macro profile_columns() %}
    {{- return(['column_name', 'type', 'rows', 'nulls', 'distinct_count', 'minimum', 'maximum', 'mean', 'stddev',
        'quantiles', 'bins', 'histogram', 'top', 'unseen', 'out_of_range', 'checksum', 'details']) -}}
{% endmacro %}

{# The shares of the quantiles that are kept. #}
{% macro profile_quantiles() %}{{ return([0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99]) }}{% endmacro %}

{# The quantiles of a column that are the edges of its bins, where none were fixed before and it has 60 values. #}
{% macro profile_bins() %}
    {%- set shares = [] -%}
    {%- for place in range(1, 20) -%}{%- do shares.append(place / 20) -%}{%- endfor -%}
    {{- return(shares) -}}
{% endmacro %}

{#
  The columns of all subjects, numbered, with how each is measured: {place, of, kind, subject, column, known, scale,
  shows_ends, may_show_top, units, real, outside}. of: the number of its subject, from 1. The last three are
  SQL expressions; outside: none without a range. Values are shown of numbers and times (their ends), and of text of
  which there are few (all of them).
#}
{% macro placed_columns(subjects) %}
    {%- set found = [] -%}
    {%- for subject in subjects -%}
        {%- set number = loop.index -%}
        {%- for column in subject.columns -%}
            {%- set decimal = modules.re.match('^decimal\((\d+), ?(\d+)\)$', column.type) -%}
            {%- set scale = none -%}
            {%- if decimal and decimal.group(1) | int <= 18 -%}{%- set scale = decimal.group(2) | int -%}
            {%- elif not decimal and asof.is_number(column.type) and column.type not in ['float', 'double'] -%}
                {%- set scale = 0 -%}
            {%- endif -%}
            {%- set units = 'null' if scale is none else column.sql -%}
            {%- if scale -%}
                {#- with room for all digits -#}
                {%- set units = 'cast(' ~ units ~ ' as decimal(38, ' ~ scale ~ ')) * 1' ~ '0' * scale -%}
            {%- endif -%}
            {%- do found.append({
                'place': found | length, 'of': number, 'kind': subject.kind, 'subject': subject.subject,
                'column': column, 'known': subject.known.get(column.name, {}), 'scale': scale,
                'shows_ends': not column.hides_values and (asof.is_number(column.type)
                    or column.type in ['date', 'timestamptz']),
                'may_show_top': not column.hides_values and column.type in ['varchar', 'uuid', 'boolean'],
                'units': 'cast(' ~ units ~ ' as hugeint)',
                'real': asof.unsigned_zero('cast(' ~ (column.sql if asof.is_number(column.type) else 'null')
                    ~ ' as double)', 'double'),
                'outside': asof.outside_range(column, column.sql) or none,
            }) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{- return(found) -}}
{% endmacro %}
