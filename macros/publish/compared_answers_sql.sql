{# One row per request: whether a service's texts of before and of now answer it differently, and how, by column. #}
{% macro compared_answers_sql(spec, contract, sql) %}
    {%- set requests = asof.requests_to_compare_sql(spec) -%}
    {%- set names = ['status', 'rejected_columns'] -%}
    {%- for group in spec.groups -%}{%- do names.append(group.name ~ '_status') -%}{%- endfor -%}
    {%- do names.extend(spec.features | map(attribute='name')) -%}
    select
        coalesce(was.row_id, now_.row_id) as row_id,
        (
            was.row_id is null
            or now_.row_id is null
            {%- for name in names %}
            or was.{{ name }} is distinct from now_.{{ name }}
            {%- endfor %}
        ) as asof_differs
        {%- for name in names %},
        case when was.{{ name }} is distinct from now_.{{ name }} then
            coalesce(cast(was.{{ name }} as varchar), 'null') || ' before, '
            || coalesce(cast(now_.{{ name }} as varchar), 'null') || ' now'
        end as {{ name }}
        {%- endfor %}
    from (
        {{ asof.answers_to_sql(contract, contract.sql, requests, contract.histories) }}
    ) as was
    full join (
        {{ asof.answers_to_sql(spec, sql, requests) }}
    ) as now_ on now_.row_id = was.row_id
{% endmacro %}

{# What a service's text answers to requests. service: its spec or contract; requests: a subquery with its alias. #}
{% macro answers_to_sql(service, sql, requests, histories={}) -%}
    {{ asof.looked_up_sql(service, requests, histories, has_sequence_number=true) }},
    answer as (
        {{ sql }}
    )
    select * from answer
{%- endmacro %}

{#
  The examples of a service, and one request for each entity of its first group in the current publication, as of when
  that was made. The request columns of the latter are those of some example.
#}
{% macro requests_to_compare_sql(spec) %}
    {%- set examples = asof.relation_of(spec.examples_node) -%}
    {%- set request = spec.request | map(attribute='name') | list -%}
    {%- set keys = spec['keys'] | map(attribute='name') | list -%}
    {%- set current = asof.newest_publication() -%}
    {%- set as_of_sql %}
        select as_of
        from {{ asof.registry('publications') }}
        where sequence_number = {{ current.sequence_number }} and group_id = '{{ spec.groups[0].group }}'
    {%- endset -%}
    {%- set as_of = run_query(as_of_sql).columns[0].values() | first -%}
    (
        select
            cast(row_id as varchar) as row_id,
            {% for name in keys + request %}{{ name }}, {% endfor %}
            prediction_time,
            {{ 'sequence_number' if spec.has_sequence_number else 'cast(null as bigint)' }} as sequence_number
        from {{ examples }}
        {%- if as_of is not none and keys | sort == spec.groups[0]['keys'] | sort %}
        union all
        select
            'entity ' || entity.asof_place,
            {% for name in keys %}entity.{{ name }}, {% endfor %}
            {% for name in request %}example.{{ name }}, {% endfor %}
            {{ asof.sql_time(current.published_at) }},
            {{ current.sequence_number }}
        from {{ asof.population_sql(spec, asof.time_literal(as_of)) }} as entity
        left join (
            select *, row_number() over (order by row_id) - 1 as asof_number, count(*) over () as asof_examples
            from {{ examples }}
        ) as example on example.asof_number = mod(entity.asof_place, example.asof_examples)
        {%- endif %}
    ) as asof_request
{% endmacro %}
