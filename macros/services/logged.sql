{#
  What was really asked of a service, for its examples model: one row per logged row of the shim's request log, with row_id,
  the keys and request columns (all columns that the model's YAML declares besides the labels and times; of the types declared
  there), prediction_time and the sequence_number of the publication that answered. Name that one in the YAML too, so that
  training takes that publication, whatever was current by the time.

      select logged.*, delivery.outcome as outcome, delivery.known_at as label_known_at
      from {{ "{{ asof.logged('late_delivery') }}" }} as logged
      left join ...

  version: of this version only. Nothing asked at or after asof.cutoff(), and nothing that holds hashes of personal values. Empty
  before anything was logged. What the API would refuse by what the YAML declares now is left out, and the build counts it: a
  request that was taken under an older definition, say. Leave row_id as it is: it tells what callers sent from what you wrote.
#}
{% macro logged(service, version=none) %}
    {%- set cutoff = asof.cutoff() -%}
    {{- config(meta={'asof_logged ' ~ service ~ '@' ~ (version or ''): true}) -}}
    {%- if not execute -%}{{- return('(select 1)') -}}{%- endif -%}
    {%- set columns = asof.asked_columns(model) %}
    (
        select row_id, {% for column in columns %}{{ column.name }}, {% endfor %}prediction_time, sequence_number
        from {{ asof.logged_rows_sql(columns, service, version, cutoff) }} as asof_logged
        where asof_refused_for is null
    )
{% endmacro %}

{# The keys and request columns that an examples model declares. #}
{% macro asked_columns(node) %}
    {%- set columns = [] -%}
    {%- for column in asof.declared_columns(node) if not column.meta.get('label')
            and column.name not in ['row_id', 'prediction_time', 'sequence_number', 'label_known_at'] -%}
        {%- do columns.append(column) -%}
    {%- endfor -%}
    {{- return(columns) -}}
{% endmacro %}

{# The logged rows of a service as a subquery, with asof_refused_for, why the API would refuse them by now (null: it would not). #}
{% macro logged_rows_sql(columns, service, version, cutoff) -%}
    {%- set rules = [] -%}
    {%- for column in columns -%}
        {%- do rules.append({'rule': column.name ~ ' is no ' ~ column.type, 'broken': 'not asof_taken_' ~ column.name}) -%}
    {%- endfor %}
    (
        select
            *,
            case
                {%- for each in rules + asof.request_rules([], columns) %}
                when {{ each.broken }} then {{ asof.literal(each.rule) }}
                {%- endfor %}
            end as asof_refused_for
        from (
            select
                {{ asof.logged_id() }} as row_id,
                prediction_time,
                sequence_number
                {%- for column in columns %},
                asof_said.request.{{ column.name }} as {{ column.name }},
                {{ asof.json_is_taken('line', 'request', column, 'asof_said.request.' ~ column.name) }} as asof_taken_{{ column.name }}
                {%- endfor %}
            from (
                select *, {{ asof.json_values('line', {'request': columns}) }} as asof_said
                from {{ asof.registry('requests') }}
                where
                    {% if version %}service_id = '{{ service }}@{{ version }}'{% else %}service_id like '{{ service }}@%'{% endif %}
                    and prediction_time < {{ cutoff }}
                    {%- for column in columns %}
                    and coalesce({{ asof.json_text('line', 'request', column.name) }} not like 'sha256:%', true)
                    {%- endfor %}
            ) as asof_line
        ) as asof_asked
    )
{%- endmacro %}

{# The row_id of a logged row, over the record of requests. #}
{% macro logged_id() %}{{ return("request_id || '/' || row_number") }}{% endmacro %}

{# The row_ids of all logged rows, as a query. #}
{% macro logged_ids_sql() -%}
    select {{ asof.logged_id() }} from {{ asof.registry('requests') }} where row_number is not null
{%- endmacro %}

{#
  How many logged requests an examples model leaves out since the API would refuse them by now: [(why, count)]. The model's own
  calls of asof.logged say of which service.
#}
{% macro refused_requests(node) %}
    {%- set found = {} -%}
    {%- for key in node.config.meta if key.startswith('asof_logged ') -%}
        {%- set service, version = key.split(' ')[1].split('@') -%}
        {%- set rows = asof.logged_rows_sql(asof.asked_columns(node), service, version, asof.cutoff(asof.clock_relation())) -%}
        {%- set sql %}
            select asof_refused_for, count(*) from {{ rows }} as asof_logged where asof_refused_for is not null group by 1 order by 1
        {%- endset -%}
        {%- for why, count in run_query(sql).rows -%}
            {%- do found.update({why: found.get(why, 0) + (count | int)}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{- return(found.items() | list) -}}
{% endmacro %}
