{#
  `dbt run-operation lateness`: per event model, how many rows a longer settle time would have missed, as one line of
  JSON (`asof lateness` makes it readable): a list of {model, file, sql, safety_lag, runs, from, to, settle_times}.
  settle_times: {seconds, rows, missed, runs}, of the seconds on top of the delay that its known_at has already: the
  rows that became due in these runs, those of them that a run did not see and that are there now, and in how many
  runs. Over the newest 1,000 runs at their own time, of the group that reads it most often, and under the SQL that the
  event model has now. A model that no two runs recorded has no runs.
#}
{% macro lateness() %}
    {%- if not execute -%}{{- return('') -}}{%- endif -%}
    {%- do asof.open_records() -%}
    {%- set found, seen = [], [] -%}
    {%- for group in asof.models_of('group') -%}
        {%- set spec = asof.group_spec_of(group) -%}
        {%- for event in spec.events if event.name not in seen and event.config.materialized != 'observed' -%}
            {%- do seen.append(event.name) -%}
            {%- do found.append(asof.lateness_of(event)) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- do print(tojson(found)) -%}
{% endmacro %}

{# What `lateness` says of one event model. #}
{% macro lateness_of(event) %}
    {%- set said = {'model': event.name, 'file': event.original_file_path, 'sql': event.raw_code,
        'safety_lag': event.config.meta.get('safety_lag'), 'runs': 0, 'from': none, 'to': none,
        'settle_times': []} -%}
    {%- set judged_sql -%}
        select due.group_id, due.as_of, due.since, due.due_rows
        from {{ asof.registry('due_rows') }} as due
        inner join {{ asof.registry('runs') }} as run on run.run_id = due.run_id
        where
            due.event_model = '{{ event.name }}'
            and due.definition = '{{ asof.known_at_definition(event) }}'
            and run.kind = 'normal'
            and run.as_of = run.now
    {%- endset -%}
    {%- set most_sql -%}
        select group_id, min(as_of), max(as_of), count(*)
        from (
            select *, row_number() over (partition by group_id order by as_of desc) as recency
            from ({{ judged_sql }}) as judged
        ) as ranked
        where recency <= 1000
        group by group_id
        order by count(*) desc, group_id
        limit 1
    {%- endset -%}
    {%- for group_id, first, last, runs in run_query(most_sql).rows -%}
        {%- set node = asof.group_spec(*group_id.split('@')).node -%}
        {%- set missed_sql = asof.missed_rows_sql(asof.event_relation(node, event), judged_sql, group_id,
            asof.sql_time(asof.time_literal(first))) -%}
        {%- for seconds, rows, missed, in_runs in run_query(missed_sql).rows -%}
            {%- do said.settle_times.append({'seconds': seconds | int, 'rows': rows | int, 'missed': missed | int,
                'runs': in_runs | int}) -%}
        {%- endfor -%}
        {%- do said.update({'runs': runs | int, 'from': asof.rfc3339(asof.time_literal(first)),
            'to': asof.rfc3339(asof.time_literal(last))}) -%}
    {%- endfor -%}
    {{- return(said) -}}
{% endmacro %}

{#
  (seconds, rows, missed, runs) per settle time. known: how many rows there are now up to each known_at, so that a
  span's rows are the difference of two of them.
#}
{% macro missed_rows_sql(relation, judged_sql, group_id, first) -%}
    with judged as (
        select *
        from ({{ judged_sql }}) as recorded
        where group_id = '{{ group_id }}' and as_of >= {{ first }}
    ),
    settle_time as (
        {%- for seconds in asof.settle_times() %}
        select {{ loop.index }} as place, {{ seconds }} as seconds
        {{ 'union all' if not loop.last }}
        {%- endfor %}
    ),
    span as (
        select
            settle_time.seconds,
            judged.due_rows[settle_time.place] as seen,
            judged.since - settle_time.seconds * interval '1 second' as after,
            judged.as_of - settle_time.seconds * interval '1 second' as up_to
        from judged
        cross join settle_time
    ),
    known as (
        select known_at, sum(count(*)) over (order by known_at) as rows
        from {{ relation }}
        where known_at > (select min(after) from span)
        group by known_at
    ),
    due as (
        select
            span.seconds,
            span.seen,
            cast(coalesce(until.rows, 0) - coalesce(before.rows, 0) as bigint) as rows
        from span
        {{ asof.asof_left_join('known', 'until', 'span.up_to', 'until.known_at') }}
        {{ asof.asof_left_join('known', 'before', 'span.after', 'before.known_at') }}
    )
    select seconds, sum(rows), sum(greatest(rows - seen, 0)), count(*) filter (where rows > seen)
    from due
    group by seconds
    order by seconds
{%- endmacro %}
