{# The settle times that are tried, in seconds, on top of the delay that an event model's known_at has already. #}
{% macro settle_times() %}{{ return([0, 60, 300, 900, 3600, 14400, 86400, 172800, 604800]) }}{% endmacro %}

{# What known_at of an event model is made by, as a hash: rows are compared under one meaning of it only. #}
{% macro known_at_definition(event) %}
    {{- return(local_md5(event.raw_code ~ (event.config.meta.get('safety_lag') or ''))) -}}
{% endmacro %}

{#
  Records which rows of an event model a run sees of those that are due: for each settle time, those whose known_at,
  so much later, lies after the moment before (plan.since) and not after this one. Rows that turn up later in the same
  span are those that this settle time would have missed. at: the moment, as SQL.
#}
{% macro insert_due_rows_sql(spec, event, plan, at) -%}
    {%- set since = asof.sql_time(plan.since) -%}
    insert into {{ asof.registry('due_rows') }}
    select
        '{{ spec.id }}',
        {{ at }},
        '{{ plan.run_id }}',
        '{{ event.name }}',
        '{{ asof.known_at_definition(event) }}',
        {{ since }},
        [
            {%- for seconds in asof.settle_times() %}
            count(*) filter (
                where
                    known_at > {{ since }} - interval '{{ seconds }} seconds'
                    and known_at <= {{ at }} - interval '{{ seconds }} seconds'
            )
            {{- ',' if not loop.last }}
            {%- endfor %}
        ]
    from {{ asof.event_relation(spec.node, event) }}
    where known_at > {{ since }} - interval '{{ asof.settle_times()[-1] }} seconds' and known_at <= {{ at }}
{%- endmacro %}
