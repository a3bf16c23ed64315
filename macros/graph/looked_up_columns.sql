{#
  The columns that a service's text is run over, in their order: {name, type, source} and, by source,
    input          what the caller sends
    prediction_time, row_id
    found, as_of, max_age_seconds    whether the `lookup` of that alias found a row; its moment; how old that may be
    feature        the `column` of what the `lookup` of that alias found, null where it found none
  The shim fills them by that, and reads nothing into their names.
#}
{% macro looked_up_columns(keys, request, lookups) %}
    {%- set time = asof.type_timestamptz() -%}
    {%- set columns = [{'name': 'row_id', 'type': 'varchar', 'source': 'row_id'}] -%}
    {%- for column in keys + request -%}
        {%- do columns.append({'name': column.name, 'type': column.type, 'source': 'input'}) -%}
    {%- endfor -%}
    {%- do columns.append({'name': 'prediction_time', 'type': time, 'source': 'prediction_time'}) -%}
    {%- for lookup in lookups -%}
        {%- for source, type in [('found', 'boolean'), ('as_of', time), ('max_age_seconds', 'bigint')] -%}
            {%- do columns.append({'name': 'asof_' ~ source ~ '_' ~ lookup.name, 'type': type, 'source': source,
                'lookup': lookup.name}) -%}
        {%- endfor -%}
        {%- for feature in lookup.features -%}
            {%- do columns.append({'name': feature.name, 'type': feature.type, 'source': 'feature',
                'lookup': lookup.name, 'column': feature.column}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{- return(columns) -}}
{% endmacro %}
