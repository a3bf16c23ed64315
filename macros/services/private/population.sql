{#
  The keys of all entities of a service's first group that a publication holds, as a subquery. From the history, as of
  the publication's moment: the latest table may be of a build that was never published.
#}
{% macro population(spec, as_of) %}
    {%- set first = spec.groups[0] -%}
    {%- set missing = [] -%}
    {%- for key in spec['keys'] if key.name not in first['keys'] -%}{%- do missing.append(key.name) -%}{%- endfor -%}
    {%- for column in spec.request if not column.meta.get('optional', false) -%}
        {%- do missing.append(column.name) -%}
    {%- endfor -%}
    {%- if missing -%}
        {{- asof.refuse(spec.id ~ ' needs ' ~ missing | join(', ') ~ ', which only a caller knows: give a file '
            ~ 'with these and ' ~ first['keys'] | join(', ') ~ " (examples), or declare the request columns "
            ~ "`optional: true`.") -}}
    {%- endif -%}
    {{- return(asof.population_sql(spec, as_of)) -}}
{% endmacro %}

{# The same, for a service that is found by the keys of its first group alone; and asof_place, their place from 0. #}
{% macro population_sql(spec, as_of) -%}
    {%- set first = spec.groups[0] -%}
    {%- set own, sent = [], [] -%}
    {%- for key in first.spec['keys'] -%}
        {%- do own.append(key.name) -%}
        {%- do sent.append(key.name ~ ' as ' ~ first['keys'][loop.index0]) -%}
    {%- endfor -%}
    {%- set keys = own | join(', ') -%}
    (
        select {{ sent | join(', ') }}, row_number() over (order by {{ keys }}) - 1 as asof_place
        from (
            select
                {{ keys }},
                is_tombstone,
                row_number() over (partition by {{ keys }} order by as_of desc) as asof_newest
            from {{ first.spec.history }}
            where
                as_of <= {{ asof.sql_time(as_of) }}
                and run_id in (
                    select run_id
                    from {{ asof.registry('counted_moments') }}
                    where group_id = {{ asof.literal(first.group) }}
                )
        ) as asof_known
        where asof_newest = 1 and not is_tombstone
    )
{%- endmacro %}
