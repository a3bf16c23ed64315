{#
  The request log as the warehouse reads it. A row is kept as its line, since numbers are read exactly from the text
  only: what has once been JSON to the engine has its decimals as doubles. A last line that a kill tore is passed
  over.
#}
{% macro request_log(folder) %}{{ return(adapter.dispatch('request_log', 'asof')(folder)) }}{% endmacro %}

{% macro duckdb__request_log(folder) -%}
    (
        select
            json ->> '$.request_id' as request_id,
            try_cast(json ->> '$.row' as integer) as row_number,
            try_cast(json ->> '$.logged_at' as timestamptz) as logged_at,
            (json ->> '$.service') || '@' || (json ->> '$.version') as service_id,
            json ->> '$.definition' as definition,
            json ->> '$.snapshot_id' as snapshot_id,
            try_cast(json ->> '$.sequence_number' as bigint) as sequence_number,
            try_cast(json ->> '$.prediction_time' as timestamptz) as prediction_time,
            json ->> '$.status' as status,
            cast(json as varchar) as line
        from read_ndjson_objects('{{ folder }}/*.jsonl', ignore_errors = true)
        where json ->> '$.request_id' is not null and json ->> '$.status' is not null
    )
{%- endmacro %}
