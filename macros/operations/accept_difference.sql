{#
  `dbt run-operation accept_difference --args '{service: late_delivery@1, reason: "the feed of 3 May was restored"}'`:
  the differences found of a service that nobody accepted yet, or those of one request (`request_id: ...`), are
  accepted. They stay on record with both values, and the reason beside them.
#}
{% macro accept_difference(reason, service=none, request_id=none) %}
    {%- if not execute -%}{{- return('') -}}{%- endif -%}
    {%- do asof.open_records() -%}
    {%- if service is none and request_id is none -%}
        {{- asof.refuse('accept_difference needs to know which: --args \'{service: <name>@<version>, reason: '
            ~ '"..."}\', or request_id for one request.') -}}
    {%- endif -%}
    {%- set open = [] -%}
    {%- do open.append("parity = 'different' and accepted is null") -%}
    {%- if service is not none -%}{%- do open.append('service_id = ' ~ asof.literal(service)) -%}{%- endif -%}
    {%- if request_id is not none -%}{%- do open.append('request_id = ' ~ asof.literal(request_id)) -%}{%- endif -%}
    {%- set where = ' where ' ~ open | join(' and ') -%}
    {%- set count = run_query('select count(*) from ' ~ asof.registry('requests') ~ where).rows[0][0] | int -%}
    {%- if count == 0 -%}
        {{- asof.refuse('there is no open difference of ' ~ (request_id or service)
            ~ ": select * from asof_requests where parity = 'different' and accepted is null.") -}}
    {%- endif -%}
    {%- set sql -%}
        update {{ asof.registry('requests') }}
        set accepted = {{ asof.literal(reason) }}, accepted_at = {{ asof.sql_time(asof.wall_clock()) }}{{ where }}
    {%- endset -%}
    {%- do run_query(sql) -%}
    {%- do asof.publish_parity() -%}
    {%- do asof.say('accepted ' ~ count ~ ' logged answers that differ from history: ' ~ reason) -%}
{% endmacro %}
