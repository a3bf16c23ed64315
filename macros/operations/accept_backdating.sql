{#
  `dbt run-operation accept_backdating --args '{event_model: stg_orders, reason: "reloaded March"}'`: counts its
  rows anew.
#}
{% macro accept_backdating(event_model, reason) %}
    {%- if not execute -%}{{- return('') -}}{%- endif -%}
    {%- do asof.open_records() -%}
    {%- set node = asof.model_named(event_model) -%}
    {%- if node is none -%}
        {{- asof.refuse('there is no event model ' ~ event_model ~ '. There are: '
            ~ asof.models_of('event') | map(attribute='name') | join(', ') ~ '.') -}}
    {%- endif -%}
    {%- set known = asof.registry('known_rows') -%}
    {%- set counted_anew -%}
        insert into {{ known }}
        select
            group_id,
            as_of,
            'accepted',
            event_model,
            (select count(*) from {{ asof.relation_of(node) }} as event where event.known_at <= newest.as_of)
        from (
            select group_id, event_model, max(as_of) as as_of
            from {{ known }}
            where event_model = '{{ event_model }}'
            group by group_id, event_model
        ) as newest
    {%- endset -%}
    {%- do asof.run_together([counted_anew,
        asof.insert_sql('accepted', [[event_model, 'backdating', reason, asof.wall_clock()]])]) -%}
    {%- do asof.say('accepted the rows of ' ~ event_model ~ ' that were backdated: ' ~ reason) -%}
{% endmacro %}
