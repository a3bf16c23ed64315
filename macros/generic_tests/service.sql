{#
  A service: one answer per row, declared categories and null rates, and one training row per example less those counted
  out. And parity: newly logged answers of the API equal what history gives. What is outside a declared range, or NaN,
  is a matter of the answer (asof.answer_sql), and no fault. Nor is what callers sent: answers to logged requests are
  not tested for categories and null rates.
#}
{% test service(model) %}
    {%- set service = asof.tested_base() -%}
    {%- set rows = ref(service.base ~ '_rows') -%}
    {%- set training = ref(service.base ~ '_training') -%}
    {%- if execute -%}
    {%- set spec = asof.service_spec(service.name, service.version) -%}
    {%- set examples = asof.relation_of(spec.examples_node) -%}
    {#- what callers sent is no fault of the service -#}
    {%- set authored = '(select * from ' ~ model ~ ' where row_id not in (' ~ asof.logged_ids_sql() ~ '))' -%}
    {%- set answered_once -%}
        select rows.row_id
        from {{ rows }} as rows
        left join {{ model }} as service on service.row_id = rows.row_id
        group by rows.row_id
        having count(service.row_id) <> 1
    {%- endset -%}
    {%- set answers_rows -%}
        select service.row_id
        from {{ model }} as service
        left join {{ rows }} as rows on service.row_id = rows.row_id
        where rows.row_id is null
    {%- endset -%}
    {%- set trains_once -%}
        select training.row_id
        from {{ training }} as training
        left join {{ examples }} as example on training.row_id = cast(example.row_id as varchar)
        group by training.row_id
        having count(*) > 1 or count(example.row_id) = 0
    {%- endset -%}
    {%- set trains_labelled -%}
        select answer.row_id
        from ({{ asof.answer_sql(spec, model, rows) }}) as answer
        inner join {{ examples }} as example on answer.row_id = cast(example.row_id as varchar)
        left join {{ training }} as training on training.row_id = answer.row_id
        where
            answer.status <> 'REJECTED'
            and training.row_id is null
            and {{ asof.is_labelled('example', asof.cutoff(asof.clock_relation())) }}
    {%- endset -%}
    {{ asof.problems([
        {'rule': 'not exactly one answer per row', 'sql': answered_once},
        {'rule': 'an answer to no row', 'sql': answers_rows},
        {'rule': 'a training row twice, or of no example', 'sql': trains_once},
        {'rule': 'a labelled answer is missing from training', 'sql': trains_labelled},
    ] + asof.value_checks(authored, asof.category_rules(spec.features, ['other']))
        + asof.null_rate_checks(authored, spec.features) + asof.parity_checks(spec)) }}
    {%- endif -%}
{% endtest %}
