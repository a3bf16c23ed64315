{#
  What was really asked of a service, for its examples model: one row per logged row of the shim's request log, with
  row_id, the keys and request columns (all columns that the model's YAML declares besides the labels and times; of
  the types declared there), prediction_time and the sequence_number of the publication that answered. Name that one
  in the YAML too, so that training takes that publication, whatever was current by the time.

      select logged.*, delivery.outcome as outcome, delivery.known_at as label_known_at
      from {{ "{{ asof.logged('late_delivery') }}" }} as logged
      left join ...

  version: of this version only. Nothing asked at or after asof.cutoff(), and nothing that holds hashes of personal
  values. Empty before anything was logged. What the API would refuse by what the YAML declares now is left out, and
  the build counts it: a request that was taken under an older definition, say. Leave row_id as it is: it tells what
  callers sent from what you wrote.
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
