{#
  The logged rows of a service as a subquery, with asof_refused_for, why the API would refuse them by now (null:
  it would not).
#}
{% macro logged_rows_sql(columns, service, version, cutoff) -%}
    {%- set rules = [] -%}
    {%- for column in columns -%}
        {%- do rules.append({'rule': column.name ~ ' is no ' ~ column.type, 'broken': 'not asof_taken_'
            ~ column.name}) -%}
    {%- endfor %}
    (
        select
            *,
            case
                {%- for each in rules + asof.request_rules([], columns) %}
                when {{ each.broken }} then {{ asof.literal(each.rule) }}
                {%- endfor %}
            end as asof_refused_for
        from (
            select
                {{ asof.logged_id() }} as row_id,
                prediction_time,
                sequence_number
                {%- for column in columns %},
                asof_said.request.{{ column.name }} as {{ column.name }},
                {{ asof.json_is_taken('line', 'request', column, 'asof_said.request.' ~ column.name) }}
                    as asof_taken_{{ column.name }}
                {%- endfor %}
            from (
                select *, {{ asof.json_values('line', {'request': columns}) }} as asof_said
                from {{ asof.registry('requests') }}
                where
                    {% if version %}service_id = '{{ service }}@{{ version }}'
                    {% else %}service_id like '{{ service }}@%'
                    {% endif %}
                    and prediction_time < {{ cutoff }}
                    {%- for column in columns %}
                    and coalesce({{ asof.json_text('line', 'request', column.name) }} not like 'sha256:%', true)
                    {%- endfor %}
            ) as asof_line
        ) as asof_asked
    )
{%- endmacro %}

{# The keys and request columns that an examples model declares. #}
{% macro asked_columns(node) %}
    {%- set columns = [] -%}
    {%- for column in asof.declared_columns(node) if not column.meta.get('label')
            and column.name not in ['row_id', 'prediction_time', 'sequence_number', 'label_known_at'] -%}
        {%- do columns.append(column) -%}
    {%- endfor -%}
    {{- return(columns) -}}
{% endmacro %}
