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

{# The reasons for which an example is no training row, in their order, each with the words for it. #}
{% macro reasons_left_out() %}
    {{- return({'lost': 'lost', 'no_snapshot': 'without a snapshot', 'rejected': 'rejected',
        'not_yet_labelled': 'not yet labelled'}) -}}
{% endmacro %}

{# How many were left out, in words. counts: by reason. Of lost hours only where there are any, which is seldom. #}
{% macro left_out_in_words(counts) %}
    {%- set said = [] -%}
    {%- for why, words in asof.reasons_left_out().items() if counts[why] > 0 or why != 'lost' -%}
        {%- do said.append(counts[why] ~ ' ' ~ words) -%}
    {%- endfor -%}
    {{- return(said | join(', ')) -}}
{% endmacro %}
