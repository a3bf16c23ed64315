{#
  What was really asked of a service, for its examples model: one row per logged row of the shim's request log, with row_id,
  the keys and request columns (all columns that the model's YAML declares besides the labels and times; of the types declared
  there), prediction_time and the sequence_number of the publication that answered. Name that one in the YAML too, so that
  training takes that publication, whatever was current by the time.

      select logged.*, delivery.outcome as outcome, delivery.known_at as label_known_at
      from {{ "{{ asof.logged('late_delivery') }}" }} as logged
      left join ...

  version: of this version only. Nothing asked at or after asof.cutoff(), and nothing that holds hashes of personal values. Empty
  before anything was logged.
#}
{% macro logged(service, version=none) %}
    {%- set cutoff = asof.cutoff() -%}
    {%- if not execute -%}{{- return('(select 1)') -}}{%- endif -%}
    {%- set columns = [] -%}
    {%- for column in asof.declared_columns(model) if column.name not in ['row_id', 'prediction_time', 'sequence_number', 'label_known_at'] and not column.meta.get('label') -%}
        {%- do columns.append(column) -%}
    {%- endfor %}
    (
        select
            request_id || '/' || row_number as row_id,
            {% for column in columns %}asof_said.request.{{ column.name }} as {{ column.name }}, {% endfor %}
            prediction_time,
            sequence_number
        from (
            select *, {{ asof.json_values('line', {'request': columns}) }} as asof_said
            from {{ asof.registry('requests') }}
            where
                {% if version %}service_id = '{{ service }}@{{ version }}'{% else %}service_id like '{{ service }}@%'{% endif %}
                and prediction_time < {{ cutoff }}
                {%- for column in columns %}
                and coalesce({{ asof.json_text('line', 'request', column.name) }} not like 'sha256:%', true)
                {%- endfor %}
        ) as asof_asked
    )
{% endmacro %}
