{#
  The text that training and the shim share: nulled_sql makes a service's rows out of what was looked up, answer_sql
  adds the row's status to what the service returns. Statuses, ranges and rejection stand here and nowhere else.
#}

{# `select ... from asof_looked_up`: each lookup's status, and its stored features, null unless that is OK. #}
{% macro nulled_sql(spec, also=[]) %}
    select
        row_id,
        {% for key in spec['keys'] %}{{ key.name }}, {% endfor %}
        {%- for column in spec.request %}
        {{ asof.unsigned_zero(column.name, column.type) }} as {{ column.name }},
        {%- endfor %}
        prediction_time
        {%- for lookup in spec.groups %},
        asof_status_{{ lookup.name }} as {{ lookup.name }}_status
        {%- for feature in lookup.features %},
        case when asof_status_{{ lookup.name }} = 'OK' then {{ asof.unsigned_zero(feature.name, feature.type) }} end as {{ feature.name }}
        {%- endfor %}
        {%- endfor %}
        {%- for column in also %},
        {{ column }}
        {%- endfor %}
    from (
        select
            *
            {%- for lookup in spec.groups %},
            {{ asof.group_status(lookup.name) }} as asof_status_{{ lookup.name }}
            {%- endfor %}
        from asof_looked_up
    ) as asof_looked_up
{% endmacro %}

{#
  NOT_FOUND without a row or with a tombstone, STALE if the moment is older than max_age at prediction_time, else OK.
  alias: of the lookup.
#}
{% macro group_status(alias) -%}
    case
                when not asof_found_{{ alias }} then 'NOT_FOUND'
                when prediction_time > asof_as_of_{{ alias }} + asof_max_age_seconds_{{ alias }} * interval '1 second' then 'STALE'
                else 'OK'
            end
{%- endmacro %}

{# One row per row_id: status, the columns that rejected it, each lookup's status, the features (none where rejected). #}
{% macro answer_sql(spec, service, rows) %}
    {%- set statuses = [] -%}
    {%- for lookup in spec.groups -%}{%- do statuses.append('asof_status_' ~ lookup.name) -%}{%- endfor %}
    select
        row_id,
        case
            when asof_rejected_columns is not null then 'REJECTED'
            when {{ statuses[0] }} = 'NOT_FOUND' then 'NOT_FOUND'
            when 'STALE' in ({{ statuses | join(', ') }}) then 'STALE'
            {%- if statuses | length > 1 %}
            when 'NOT_FOUND' in ({{ statuses[1:] | join(', ') }}) then 'PARTIAL'
            {%- endif %}
            else 'OK'
        end as status,
        asof_rejected_columns as rejected_columns
        {%- for lookup in spec.groups %},
        asof_status_{{ lookup.name }} as {{ lookup.name }}_status
        {%- endfor %}
        {%- for feature in spec.features %},
        case when asof_rejected_columns is null then {{ asof.answered_value(feature) }} end as {{ feature.name }}
        {%- endfor %}
    from (
        select
            *,
            {{ asof.rejected_columns(spec.features) }} as asof_rejected_columns
        from (
            select
                asof_service.row_id
                {%- for feature in spec.features %},
                {{ asof.returned_value(feature, 'asof_service.' ~ feature.name) }} as {{ feature.name }}
                {%- endfor %}
                {%- for lookup in spec.groups %},
                asof_rows.{{ lookup.name }}_status as asof_status_{{ lookup.name }}
                {%- endfor %}
            from {{ service }} as asof_service
            inner join {{ rows }} as asof_rows on asof_service.row_id = asof_rows.row_id
        ) as asof_returned
    ) as asof_judged
{% endmacro %}

{# What is answered of a column that a service returns: never NaN, an infinity or -0.0. #}
{% macro answered_value(feature) %}
    {{- return(asof.unsigned_zero(asof.finite(feature.name, feature.type), feature.type)) -}}
{% endmacro %}

{# What a service returns in a column; null where that lies outside its declared range and the YAML says so. #}
{% macro returned_value(feature, expression) %}
    {%- set outside = asof.outside_range(feature, expression) -%}
    {%- if outside and asof.is_null_outside(feature) -%}
        {{- return('case when not ' ~ outside ~ ' then ' ~ expression ~ ' end') -}}
    {%- endif -%}
    {{- return(expression) -}}
{% endmacro %}

{#
  The names of the columns for which a row is rejected, with commas, as a SQL expression; null where there is none. A column
  rejects where it lies outside its declared range, and where it is null, NaN or infinite and says `missing: reject`.
#}
{% macro rejected_columns(features) %}
    {%- set rejecting = [] -%}
    {%- for feature in features -%}
        {%- set reasons = [] -%}
        {%- if feature.meta.get('missing') == 'reject' -%}
            {%- do reasons.append(asof.finite(feature.name, feature.type) ~ ' is null') -%}
        {%- endif -%}
        {%- set outside = asof.outside_range(feature, feature.name) -%}
        {%- if outside and not asof.is_null_outside(feature) -%}{%- do reasons.append(outside) -%}{%- endif -%}
        {%- if reasons -%}
            {%- do rejecting.append('case when ' ~ reasons | join(' or ') ~ " then '" ~ feature.name ~ "' end") -%}
        {%- endif -%}
    {%- endfor -%}
    {{- return("nullif(concat_ws(',', " ~ rejecting | join(', ') ~ "), '')" if rejecting else 'cast(null as varchar)') -}}
{% endmacro %}

{#
  The whole statement that the shim runs over `asof_looked_up`, from the same macros and the service's own compiled text.
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
    with asof_answers as (
        {{ asof.answer_sql(spec, service_relation, rows_relation) }}
    )
    {%- set examples = asof.relation_of(spec.examples_node) %}
    {{ asof.training_columns_sql(spec, 'asof_answers', rows_relation, examples, asof.lost_examples(spec, examples)) }}
    where {{ asof.left_out(cutoff) }} is null
    {%- endif -%}
{% endmacro %}

{#
  `select ...`: one row per example with its answer, LOST or NO_SNAPSHOT where there is none, and its label. answers, rows,
  examples and lost (asof.lost_examples) are relations, known in what follows as asof_answer, asof_row, asof_example and
  asof_lost. has_labels: whether the examples have the service's labels.
#}
{% macro training_columns_sql(spec, answers, rows, examples, lost, has_labels=true, also=[]) %}
    select
        cast(asof_example.row_id as varchar) as row_id,
        {% for key in spec['keys'] %}asof_example.{{ key.name }}, {% endfor %}
        asof_example.prediction_time,
        asof_row.asof_sequence_number as sequence_number,
        asof_row.asof_is_backfilled as is_backfilled,
        coalesce(asof_answer.status, case when asof_lost.row_id is not null then 'LOST' else 'NO_SNAPSHOT' end) as status
        {%- for group in spec.groups %},
        asof_answer.{{ group.name }}_status
        {%- endfor %}
        {%- for feature in spec.features %},
        asof_answer.{{ feature.name }}
        {%- endfor %}
        {%- if has_labels %}
        {%- for label in spec.labels %},
        asof_example.{{ label.name }}
        {%- endfor %},
        asof_example.label_known_at
        {%- endif %}
        {%- for column in also %},
        {{ column }}
        {%- endfor %}
    from {{ examples }} as asof_example
    left join {{ answers }} as asof_answer on asof_answer.row_id = cast(asof_example.row_id as varchar)
    left join {{ rows }} as asof_row on asof_row.row_id = cast(asof_example.row_id as varchar)
    left join {{ lost }} as asof_lost on asof_lost.row_id = cast(asof_example.row_id as varchar)
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
        when asof_answer.status is null then case when asof_lost.row_id is not null then 'lost' else 'no_snapshot' end
        when asof_answer.status = 'REJECTED' then 'rejected'
        {%- if has_labels %}
        when not coalesce({{ asof.is_labelled('asof_example', cutoff) }}, false) then 'not_yet_labelled'
        {%- endif %}
    end
{%- endmacro %}

{# Whether an example (its row, aliased) was asked, and its label known, by the cut-off. The one place that says so. #}
{% macro is_labelled(example, cutoff) -%}
    ({{ example }}.prediction_time < {{ cutoff }} and {{ example }}.label_known_at <= {{ cutoff }})
{%- endmacro %}
