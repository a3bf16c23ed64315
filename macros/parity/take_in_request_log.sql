{# Takes newly logged rows into the record. #}
{% macro take_in_request_log() %}
    {%- set folder = asof.request_log_folder() -%}
    {%- if folder is none -%}
        {%- if env_var('ASOF_REQUEST_LOG', '') -%}
            {%- do asof.say('ASOF_REQUEST_LOG is set, but the target ' ~ target.name
                ~ ' publishes nowhere (asof_publish_to): no logged answer is compared.') -%}
        {%- endif -%}
        {{- return(none) -}}
    {%- endif -%}
    {%- if not asof.file_exists(folder ~ '/*.jsonl') -%}{{- return(none) -}}{%- endif -%}
    {%- set sql -%}
        insert into {{ asof.registry('requests') }}
        select log.*, null, null, null, null, null
        from {{ asof.request_log(folder) }} as log
        left join {{ asof.registry('requests') }} as known on known.request_id = log.request_id
            and known.row_number = log.row_number
        where known.request_id is null
    {%- endset -%}
    {%- do run_query(sql) -%}
{% endmacro %}
