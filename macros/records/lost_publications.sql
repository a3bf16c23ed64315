{#
  Inserts what is known of the publications between the newest recorded one and the pointer: their numbers. Each
  stands at the earliest time at which it can have been made, since any of them may have been current from then on.
#}
{% macro lost_publications_sql(newest, pointer) -%}
    {%- set recorded = newest.sequence_number if newest is not none else 0 -%}
    insert into {{ asof.registry('publications') }}
    select
        number.sequence_number,
        null,
        {{ asof.sql_time(newest.published_at if newest is not none else '1970-01-01 00:00:00+00:00') }}
            + (number.sequence_number - {{ recorded }}) * interval '1 microsecond',
        'lost',
        either.group_id,
        null,
        null,
        null
    from generate_series({{ recorded + 1 }}, {{ pointer.sequence_number - 1 }}) as number (sequence_number)
    cross join (
        select group_id from {{ asof.registry('publications') }}
        {%- for id in asof.current_manifest(pointer).groups %}
        union
        select {{ asof.literal(id) }}
        {%- endfor %}
    ) as either
{%- endmacro %}

{# What is lost, in words: the publications of each stretch, and from when until when. #}
{% macro lost_stretches() %}
    {%- set sql -%}
        select
            min(sequence_number),
            max(sequence_number),
            min(published_at),
            case when count(*) = count(ended_at) then max(ended_at) end
        from (
            select
                *,
                lead(published_at) over (order by sequence_number) as ended_at,
                sum(1 - is_lost) over (order by sequence_number) as stretch
            from (
                select sequence_number, published_at, max(case when as_of is null then 1 else 0 end) as is_lost
                from {{ asof.registry('publications') }}
                group by sequence_number, published_at
            ) as publication
        ) as placed
        where is_lost = 1
        group by stretch
        order by 1
    {%- endset -%}
    {%- set found = run_query(sql).rows -%}
    {%- set said = [] -%}
    {%- for first, last, since, until in found -%}
        {%- do said.append('publication' ~ (' ' ~ first if first == last else 's ' ~ first ~ ' to ' ~ last)
            ~ ', from ' ~ asof.rfc3339(asof.time_literal(since)) ~ (' to ' ~ asof.rfc3339(asof.time_literal(until))
            if until is not none else ' until the next')) -%}
    {%- endfor -%}
    {{- return(said) -}}
{% endmacro %}
