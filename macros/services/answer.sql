{#
  The text that training and the shim share: nulled_sql makes a service's rows out of what was looked up, answer_sql
  adds the row's status to what the service returns. Statuses and rejection stand here and nowhere else.
#}

{# `select ... from looked_up`: each group's status, and its stored features, null unless the group is OK. #}
{% macro nulled_sql(spec, also=[]) %}
    select
        row_id,
        {% for column in spec['keys'] + spec.request %}{{ column.name }}, {% endfor %}
        prediction_time
        {%- for group in spec.groups %},
        {{ group.name }}_status
        {%- for feature in group.spec.features %},
        case when {{ group.name }}_status = 'OK' then {{ feature.name }} end as {{ feature.name }}
        {%- endfor %}
        {%- endfor %}
        {%- for column in also %},
        {{ column }}
        {%- endfor %}
    from (
        select
            *
            {%- for group in spec.groups %},
            {{ asof.group_status(group.name) }} as {{ group.name }}_status
            {%- endfor %}
        from looked_up
    ) as looked_up
{% endmacro %}

{# NOT_FOUND without a row or with a tombstone, STALE if the moment is older than max_age at prediction_time, else OK. #}
{% macro group_status(name) -%}
    case
                when not {{ name }}__found then 'NOT_FOUND'
                when prediction_time > {{ name }}__as_of + {{ name }}__max_age_seconds * interval '1 second' then 'STALE'
                else 'OK'
            end
{%- endmacro %}

{# One row per row_id: status, the columns that rejected it, each group's status, the features (none where rejected). #}
{% macro answer_sql(spec, service, rows) %}
    {%- set rejecting = spec.features | selectattr('meta.missing', 'defined') | selectattr('meta.missing', 'equalto', 'reject') | map(attribute='name') | list %}
    select
        row_id,
        status,
        rejected_columns
        {%- for group in spec.groups %},
        {{ group.name }}_status
        {%- endfor %}
        {%- for feature in spec.features %},
        {% if rejecting %}case when status <> 'REJECTED' then {{ feature.name }} end as {% endif %}{{ feature.name }}
        {%- endfor %}
    from (
        select
            service.*
            {%- for group in spec.groups %},
            rows.{{ group.name }}_status
            {%- endfor %},
            {%- if rejecting %}
            nullif(concat_ws(',' {%- for name in rejecting %}, case when service.{{ name }} is null then '{{ name }}' end{% endfor %}), '') as rejected_columns,
            {%- else %}
            cast(null as varchar) as rejected_columns,
            {%- endif %}
            case
                {%- for name in rejecting %}
                when service.{{ name }} is null then 'REJECTED'
                {%- endfor %}
                when rows.{{ spec.groups[0].name }}_status = 'NOT_FOUND' then 'NOT_FOUND'
                when {% for group in spec.groups %}rows.{{ group.name }}_status = 'STALE'{{ ' or ' if not loop.last }}{% endfor %} then 'STALE'
                {%- for group in spec.groups[1:] %}
                when rows.{{ group.name }}_status = 'NOT_FOUND' then 'PARTIAL'
                {%- endfor %}
                else 'OK'
            end as status
        from {{ service }} as service
        inner join {{ rows }} as rows on service.row_id = rows.row_id
    ) as answer
{% endmacro %}

{#
  The whole statement that the shim runs over `looked_up`, from the same macros and the service's own compiled text.
  compiled_sql: with the rows model by its bare name.
#}
{% macro served_sql(spec, compiled_sql) %}
    with {{ spec.rows_node.alias }} as (
        {{ asof.nulled_sql(spec) }}
    ),
    {{ spec.base }} as (
        {{ compiled_sql | replace('"' ~ spec.rows_node.alias ~ '"', spec.rows_node.alias) }}
    )
    {{ asof.answer_sql(spec, spec.base, spec.rows_node.alias) }}
{% endmacro %}

{#
  The whole of a training model, `models/training/<service>_v<n>_training.sql`: the answers to the examples beside their
  labels, joined on row_id. Rejected rows and labels not known by the cut-off (the run's moment, or an earlier
  asof_training_cutoff) are left out; the build counts them.
#}
{% macro training() %}
    {{- config(materialized='table') -}}
    {%- set service = asof.parse_model_name(model.name, 'training') -%}
    {%- set service_relation = ref(service.name, v=service.version) -%}
    {%- set rows_relation = ref(service.base ~ '_rows') -%}
    {%- set cutoff = asof.cutoff() -%}
    {%- if execute -%}
        {%- set spec = asof.service_spec(service.name, service.version) -%}
    with answer as (
        {{ asof.answer_sql(spec, service_relation, rows_relation) }}
    )
    {%- set examples = asof.relation_of(spec.examples_node) %}
    {{ asof.training_columns_sql(spec, 'answer', rows_relation, examples, asof.lost_examples(spec, examples)) }}
    where {{ asof.left_out(cutoff) }} is null
    {%- endif -%}
{% endmacro %}

{#
  `select ... from example`: one row per example with its answer, LOST or NO_SNAPSHOT where there is none, and its label. answers, rows,
  examples and lost (asof.lost_examples) are relations, known in what follows as answer, rows, example and lost. has_labels: whether the
  examples have the service's labels.
#}
{% macro training_columns_sql(spec, answers, rows, examples, lost, has_labels=true, also=[]) %}
    select
        cast(example.row_id as varchar) as row_id,
        {% for key in spec['keys'] %}example.{{ key.name }}, {% endfor %}
        example.prediction_time,
        rows.sequence_number,
        rows.is_backfilled,
        coalesce(answer.status, case when lost.row_id is not null then 'LOST' else 'NO_SNAPSHOT' end) as status
        {%- for group in spec.groups %},
        answer.{{ group.name }}_status
        {%- endfor %}
        {%- for feature in spec.features %},
        answer.{{ feature.name }}
        {%- endfor %}
        {%- if has_labels %}
        {%- for label in spec.labels %},
        example.{{ label.name }}
        {%- endfor %},
        example.label_known_at
        {%- endif %}
        {%- for column in also %},
        {{ column }}
        {%- endfor %}
    from {{ examples }} as example
    left join {{ answers }} as answer on answer.row_id = cast(example.row_id as varchar)
    left join {{ rows }} as rows on rows.row_id = cast(example.row_id as varchar)
    left join {{ lost }} as lost on lost.row_id = cast(example.row_id as varchar)
{% endmacro %}

{# The reasons for which an example is no training row, in their order, each with the words for it. #}
{% macro reasons_left_out() %}
    {{- return({'lost': 'lost', 'no_snapshot': 'without a snapshot', 'rejected': 'rejected', 'not_yet_labelled': 'not yet labelled'}) -}}
{% endmacro %}

{# How many were left out, in words. counts: by reason. Of lost hours only where there are any, which is seldom. #}
{% macro left_out_in_words(counts) %}
    {%- set said = [] -%}
    {%- for why, words in asof.reasons_left_out().items() if counts[why] > 0 or why != 'lost' -%}{%- do said.append(counts[why] ~ ' ' ~ words) -%}{%- endfor -%}
    {{- return(said | join(', ')) -}}
{% endmacro %}

{# Why an example is no training row, the first reason that applies; null where it is one. For training_columns_sql. #}
{% macro left_out(cutoff, has_labels=true) -%}
    case
        when answer.status is null then case when lost.row_id is not null then 'lost' else 'no_snapshot' end
        when answer.status = 'REJECTED' then 'rejected'
        {%- if has_labels %}
        when not coalesce({{ asof.is_labelled('example', cutoff) }}, false) then 'not_yet_labelled'
        {%- endif %}
    end
{%- endmacro %}

{# Whether an example (its row, aliased) was asked, and its label known, by the cut-off. The one place that says so. #}
{% macro is_labelled(example, cutoff) -%}
    ({{ example }}.prediction_time < {{ cutoff }} and {{ example }}.label_known_at <= {{ cutoff }})
{%- endmacro %}
