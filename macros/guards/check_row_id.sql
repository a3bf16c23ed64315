{#
  Refuses a service that uses row_id for more than to return it, or anything that its rows have in training only: the
  shim numbers the rows of a request, so such a column would be one thing in training and another in an answer.
#}
{% macro check_row_id(node, sql) %}
    {#- an --empty run's text holds dbt's own `limit 0` -#}
    {%- if flags.EMPTY -%}{{- return(none) -}}{%- endif -%}
    {%- set returned = asof.declared_columns(node) | map(attribute='name') | reject('equalto', 'row_id') | list -%}
    {%- set selected = 'select ' ~ returned | join(', ') ~ ' from (' ~ sql ~ '\n) as asof_service' -%}
    {%- set read = asof.columns_read(selected) if returned else none -%}
    {%- set what = node.original_file_path ~ ': the service ' ~ asof.versioned_id(node) -%}
    {%- for name in ['row_id', 'asof_sequence_number', 'asof_is_backfilled'] if read is not none and name in read -%}
        {{- asof.refuse(what ~ ' uses ' ~ name ~ ' for what it returns. A service returns row_id and uses it for '
            ~ 'nothing else: in an answer it is a number within the request, in training the id of the example. '
            ~ 'What is needed of it comes from a feature group, or is sent along as a request column of its '
            ~ 'examples.') -}}
    {%- endfor -%}
{% endmacro %}
