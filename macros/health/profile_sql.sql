{#
  The rows of asof_profiles for one relation, all its columns in one statement.

  subject: {kind, subject, columns, rows, details, known, where}.
  - columns: a list of {name, sql, type, meta, hides_values}. sql: the name, quoted; hides_values: of keys and personal
    columns no value is kept.
  - rows: the name of a relation, or a SELECT in brackets.
  - details: an aggregate over these rows that gives the JSON object of the whole; none where there is none.
  - where: of which rows the columns are measured, a condition; left out, of all.
  - known: by column {bins, categories}: the edges that were fixed before, and the values that healthy profiles held;
    none of either where there is no such profile.
  run_id, as_of: of the run that built it.
#}
{% macro profile_sql(subject, run_id, as_of) -%}
    with asof_whole as (
        select * from {{ subject.rows }} as asof_source
    ),
    asof_profiled as (
        select * from asof_whole where {{ subject.where or 'true' }}
    ),
    -- what decides how the rest is measured
    asof_first as (
        select
            count(*) as asof_row_count
            {%- for column in subject.columns %},
            count(distinct {{ column.sql }}) as distinct_{{ loop.index }},
            {{ asof.is_category_sql(column) }} as is_category_{{ loop.index }}
            {%- if asof.is_number(column.type) %},
            {{ asof.first_bins_sql(column, subject.known.get(column.name)) }} as bins_{{ loop.index }}
            {%- endif %}
            {%- endfor %}
        from asof_profiled
    )
    {%- for measured in asof.measures_sql(subject) %}
    select
        {{ asof.literal(subject.kind) }} as kind,
        {{ asof.literal(subject.subject) }} as subject,
        {{ asof.literal(run_id) }} as run_id,
        {{ asof.sql_time(as_of) }} as as_of,
        {%- for name in asof.profile_columns() %}
        {{ asof.bin_counts(name, 'bins') if name == 'histogram' and name in measured else name }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from (
        select
            {%- for name in asof.profile_columns() %}
            {{ measured.get(name, 'null') }} as {{ name }}{{ ',' if not loop.last }}
            {%- endfor %}
        from {{ 'asof_whole' if loop.first else 'asof_profiled' }}
        cross join asof_first
    ) as asof_measured
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{# What is measured of a profile's subject, in the order of the record; the rest of a row is whose it is. #}
{% macro profile_columns() %}
    {{- return(['column_name', 'type', 'rows', 'nulls', 'distinct_count', 'minimum', 'maximum', 'mean', 'stddev',
        'quantiles', 'bins', 'histogram', 'top', 'unseen', 'out_of_range', 'checksum', 'details']) -}}
{% endmacro %}

{# The shares of the quantiles that are kept. #}
{% macro profile_quantiles() %}{{ return([0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99]) }}{% endmacro %}

{# The expressions of each row, by column of the record: of the whole first, then of each column. #}
{% macro measures_sql(subject) %}
    {%- set found = [{'column_name': "''", 'rows': 'count(*)', 'details': subject.details or 'null'}] -%}
    {%- for column in subject.columns -%}
        {%- set name, place, known = column.sql, loop.index, subject.known.get(column.name, {}) -%}
        {%- set is_number = asof.is_number(column.type) -%}
        {%- set measured = {
            'column_name': asof.literal(column.name),
            'type': asof.literal(column.type),
            'rows': 'count(*)',
            'nulls': 'count(*) - count(' ~ name ~ ')',
            'distinct_count': 'coalesce(min(distinct_' ~ place ~ '), 0)',
            'checksum': asof.checksum([name]),
        } -%}
        {%- if not column.hides_values and not column.type.endswith(']') -%}
            {%- set shown = '' if is_number or column.type in ['date', 'timestamptz']
                else ' filter (where is_category_' ~ place ~ ')' -%}
            {%- do measured.update({
                'minimum': asof.text_of('min(' ~ name ~ ')' ~ shown),
                'maximum': asof.text_of('max(' ~ name ~ ')' ~ shown),
                'top': asof.value_counts(name, 'is_category_' ~ place ~ ' and ' ~ name ~ ' is not null'),
            }) -%}
        {%- endif -%}
        {%- if is_number -%}
            {%- set number = asof.profiled_number(column) -%}
            {%- do measured.update({
                'mean': asof.mean_of_profile(column),
                'stddev': 'stddev_samp(' ~ number ~ ')',
                'quantiles': asof.quantiles(number, asof.profile_quantiles()),
                'bins': 'min(bins_' ~ place ~ ')',
                'histogram': asof.binned(number, 'bins_' ~ place),
            }) -%}
        {%- endif -%}
        {%- if known.categories -%}
            {%- set seen = 'cast(' ~ name ~ ' as varchar) in (' ~ asof.literals(known.categories) ~ ')' -%}
            {%- do measured.update({'unseen': 'count(*) filter (where not ' ~ seen ~ ')'}) -%}
        {%- endif -%}
        {%- set outside = asof.outside_range(column, name) -%}
        {%- if outside -%}
            {%- do measured.update({'out_of_range': 'count(*) filter (where ' ~ outside ~ ')'}) -%}
        {%- endif -%}
        {%- do found.append(measured) -%}
    {%- endfor -%}
    {{- return(found) -}}
{% endmacro %}

{# Whether the values of a column are kept: text and truth values of which there are few. An aggregate. #}
{% macro is_category_sql(column) %}
    {%- if column.hides_values or column.type not in ['varchar', 'uuid', 'boolean'] -%}
        {{- return('false') -}}
    {%- endif -%}
    {%- set name = column.sql -%}
    {{- return('count(distinct ' ~ name ~ ') <= least(50, count(' ~ name ~ ') / 2)') -}}
{% endmacro %}

{# A number as a double that can be counted with. #}
{% macro profiled_number(column) %}
    {{- return(asof.finite('cast(' ~ column.sql ~ ' as double)', 'double') if column.type in ['float', 'double']
        else 'cast(' ~ column.sql ~ ' as double)') -}}
{% endmacro %}

{# The edges of a column's bins: those that were fixed before, else its own quantiles, from 60 values on. #}
{% macro first_bins_sql(column, known) %}
    {%- if known and known.bins -%}{{- return('cast(' ~ known.bins ~ ' as double[])') -}}{%- endif -%}
    {%- set shares = [] -%}
    {%- for place in range(1, 20) -%}{%- do shares.append(place / 20) -%}{%- endfor -%}
    {%- set own = asof.quantiles(asof.profiled_number(column), shares) -%}
    {{- return('case when count(' ~ column.sql ~ ') >= 60 then ' ~ asof.distinct_sorted(own) ~ ' end') -}}
{% endmacro %}

{# The mean of a number. Sums of floats depend on their order, and those of long decimals have too many digits. #}
{% macro mean_of_profile(column) %}
    {%- set digits = modules.re.match('^decimal\((\d+),', column.type) -%}
    {%- if column.type in ['float', 'double'] or (digits and digits.group(1) | int > 18) -%}
        {%- set number = asof.profiled_number(column) -%}
        {{- return('avg(' ~ number ~ ' order by ' ~ number ~ ')') -}}
    {%- endif -%}
    {{- return('avg(' ~ column.sql ~ ')') -}}
{% endmacro %}
