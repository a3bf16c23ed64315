{#
  `dbt run-operation accept_loss --args '{reason: "disk of 3 May"}'`: this warehouse is an older copy, and there is no
  newer one. Records what the pointer names; what it served of rows that are not here, and the publications in
  between, of which nothing but the number is known, are on record as lost.
#}
{% macro accept_loss(reason) %}
    {%- if not execute -%}{{- return('') -}}{%- endif -%}
    {%- do asof.check_session() -%}
    {%- do asof.create_registry() -%}
    {%- set lost_before = asof.lost_stretches() -%}
    {%- do asof.repair_record(reason) -%}
    {%- set lost = asof.lost_stretches() | reject('in', lost_before) | list -%}
    {%- if not lost -%}
        {{- asof.refuse('nothing is lost: the publication record holds what the pointer names, with the rows that '
            ~ 'it served.') -}}
    {%- endif -%}
    {%- do asof.say('warning: lost are ' ~ lost | join('; ') ~ ': the rows that were served then are not in this '
        ~ 'warehouse. What was asked in that time is left out of training. Reason: ' ~ reason) -%}
{% endmacro %}
