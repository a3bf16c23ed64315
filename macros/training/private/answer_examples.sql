{#
  What the API would have answered to asof_set_examples, in temporary tables: asof_set_rows, what it would have
  looked up for them, asof_set_answers, what the service's text (`sql`, else as last built) makes of that, and
  asof_set_lost, which of them are lost.
#}
{% macro answer_examples(spec, given, sql=none) %}
    {%- set text = sql or asof.service_manifest(spec).sql -%}
    {%- set sql -%}
        create temporary table asof_set_rows as
        {{ asof.looked_up_sql(spec, 'asof_set_examples', has_sequence_number=given.has_sequence_number) }}
        select {{ asof.set_row_columns(spec) | join(', ') }}
        from asof_looked_up
    {%- endset -%}
    {%- do run_query(sql) -%}
    {%- set sql -%}
        create temporary table asof_set_answers as
        with asof_looked_up as (select * from asof_set_rows),
        asof_answers as ({{ text }})
        select *
        from asof_answers
    {%- endset -%}
    {%- do run_query(sql) -%}
    {%- set sql -%}
        create temporary table asof_set_lost as
        select row_id
        from {{ asof.lost_examples(spec, 'asof_set_examples', given.has_sequence_number) }} as lost
    {%- endset -%}
    {%- do run_query(sql) -%}
{% endmacro %}

{# The columns of asof_set_rows: all that the service's text sees, and where it is from. #}
{% macro set_row_columns(spec) %}
    {{- return(spec.looked_up | map(attribute='name') | list + ['asof_sequence_number', 'asof_is_backfilled']) -}}
{% endmacro %}
