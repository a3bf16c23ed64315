{#
  `dbt run-operation accept_health --args '{id: shipment@1.distance_km, reason: "in miles since May"}'`: what the data
  looks like now is its new normal. What was before is compared with no more, and the baseline begins anew. id: a group,
  service or event model, or one of its columns. `dbt test` then publishes what was held.
#}
{% macro accept_health(id, reason) %}
    {%- if not execute -%}{{- return('') -}}{%- endif -%}
    {%- do asof.open_records() -%}
    {%- set name = "subject || case when column_name = '' then '' else '.' || column_name end" -%}
    {%- set sql %}
        select count(*)
        from {{ asof.registry('profiles') }}
        where {{ name }} = {{ asof.literal(id) }}
    {%- endset -%}
    {%- if run_query(sql).rows[0][0] == 0 -%}
        {{- asof.refuse('there is no profile of ' ~ id ~ '. Name a group or service with its version, an event model, '
            ~ 'or one of their columns: shipment@1, stg_scans, shipment@1.distance_km. The record asof_findings lists '
            ~ 'what stands.') -}}
    {%- endif -%}
    {%- set condition = '(' ~ name ~ ' = ' ~ asof.literal(id) ~ ' or subject = ' ~ asof.literal(id) ~ ')' -%}
    {%- do asof.run_together([asof.insert_sql('accepted', [[id, 'health', reason, asof.now()]]),
        asof.end_findings_sql(condition)]) -%}
    {%- do asof.say('accepted what ' ~ id ~ ' looks like now as its new normal: ' ~ reason
        ~ '. `dbt test` publishes what was held by it.') -%}
{% endmacro %}
