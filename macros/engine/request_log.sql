{# The request log as the warehouse reads it, and JSON as it reads JSON. #}

{# The rows of the shim's request log. A last line that a kill tore is passed over. #}
{% macro request_log(folder) %}{{ return(adapter.dispatch('request_log', 'asof')(folder)) }}{% endmacro %}
{% macro duckdb__request_log(folder) -%}
    (
        select
            request_id, row as row_number, logged_at, service || '@' || version as service_id, definition, snapshot_id, sequence_number,
            prediction_time, cast(request as varchar) as request, status, cast(groups as varchar) as groups, cast(features as varchar) as features,
            cast(rejected as varchar) as rejected
        from read_json(
            '{{ folder }}/*.jsonl', format = 'newline_delimited', ignore_errors = true,
            columns = {
                request_id: 'varchar', row: 'integer', logged_at: 'timestamptz', service: 'varchar', version: 'integer', definition: 'varchar',
                snapshot_id: 'varchar', sequence_number: 'bigint', prediction_time: 'timestamptz', request: 'json', status: 'varchar',
                groups: 'json', features: 'json', rejected: 'json'
            }
        )
        where request_id is not null and status is not null
    )
{%- endmacro %}

{# A member of a JSON object as a value of the column's declared type; null where it is none. #}
{% macro json_value(json, column) %}{{ return(adapter.dispatch('json_value', 'asof')(json, column)) }}{% endmacro %}
{% macro duckdb__json_value(json, column) -%}
    try_cast(cast({{ json }} as json) {{ '->' if '[' in column.type else '->>' }} '$."{{ column.name }}"' as {{ column.type }})
{%- endmacro %}

{# Whether a member of a JSON object is null or spelled as its declared type is: an integer is no 3.0, a decimal no text. #}
{% macro json_is_of_type(json, column) %}{{ return(adapter.dispatch('json_is_of_type', 'asof')(json, column)) }}{% endmacro %}
{% macro duckdb__json_is_of_type(json, column) -%}
    {%- set type = column.type -%}
    {%- if '[' in type -%}{%- set kinds = ['ARRAY'] -%}
    {%- elif type.startswith('bool') -%}{%- set kinds = ['BOOLEAN'] -%}
    {%- elif 'int' in type -%}{%- set kinds = ['BIGINT', 'UBIGINT', 'HUGEINT'] -%}
    {%- elif modules.re.match('^(dec|num)', type) -%}{%- set kinds = ['DOUBLE', 'BIGINT', 'UBIGINT', 'HUGEINT'] -%}
    {%- elif modules.re.match('^(double|float|real)', type) -%}{%- set kinds = ['DOUBLE'] -%}
    {%- else -%}{%- set kinds = ['VARCHAR'] -%}{%- endif -%}
    coalesce(json_type(cast({{ json }} as json), '$."{{ column.name }}"') in ('NULL', '{{ kinds | join("', '") }}'), {{ json }} is null)
{%- endmacro %}

{# A member of a JSON object, as it is spelled. #}
{% macro json_text(json, name) %}{{ return(adapter.dispatch('json_text', 'asof')(json, name)) }}{% endmacro %}
{% macro duckdb__json_text(json, name) -%} cast(cast({{ json }} as json) -> '$."{{ name }}"' as varchar) {%- endmacro %}

{# A JSON list of texts as one text with commas; null where there is none. #}
{% macro json_list_text(json) %}{{ return(adapter.dispatch('json_list_text', 'asof')(json)) }}{% endmacro %}
{% macro duckdb__json_list_text(json) -%} array_to_string(cast(cast({{ json }} as json) as varchar[]), ',') {%- endmacro %}

{# The texts of a group, joined in order. #}
{% macro joined_text(text, order) %}{{ return(adapter.dispatch('joined_text', 'asof')(text, order)) }}{% endmacro %}
{% macro default__joined_text(text, order) -%} string_agg({{ text }}, '; ' order by {{ order }}) {%- endmacro %}
