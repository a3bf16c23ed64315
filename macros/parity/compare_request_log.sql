{# Compares every row of the log that was not yet, and keeps what was found beside it. #}
{% macro compare_request_log() %}
    {%- if asof.request_log_folder() is none -%}{{- return(none) -}}{%- endif -%}
    {#- whatever their definition: it may have been published in lost hours only -#}
    {%- set is_lost -%}
        parity is null
        and sequence_number in (
            select sequence_number
            from {{ asof.registry('publications') }}
            where kind = 'lost'
        )
    {%- endset -%}
    {%- do asof.not_compared('not comparable: ' ~ asof.why_lost(), is_lost) -%}
    {%- set services = [] -%}
    {%- for node in asof.models_of('service') -%}{%- do services.append(asof.versioned_id(node)) -%}{%- endfor -%}
    {%- set sql -%}
        select distinct service_id, definition
        from {{ asof.registry('requests') }}
        where parity is null
        order by 1, 2
    {%- endset -%}
    {%- for id, definition in run_query(sql).rows -%}
        {%- set which = 'service_id = ' ~ asof.literal(id) ~ ' and definition = ' ~ asof.literal(definition)
            ~ ' and parity is null' -%}
        {%- set contract = asof.contract_of(id, definition) -%}
        {%- if id not in services -%}
            {%- do asof.say('parity: logged answers of ' ~ id ~ ' are not compared, since it is no longer in the '
                ~ 'project.') -%}
            {%- do asof.not_compared('not compared: no longer in the project', which, invocation_id) -%}
        {%- elif contract is none -%}
            {%- do asof.not_compared('not compared: its definition was never published here', which) -%}
        {%- elif contract.gone -%}
            {%- do asof.not_compared('not compared: it read ' ~ contract.gone ~ ', which is no longer in the project',
                which) -%}
        {%- elif contract['keys'] | selectattr('personal', 'defined') | list and asof.request_log_key() is none -%}
            {%- do asof.not_compared('not comparable: personal keys are hashed, and there is no file with the secret',
                which) -%}
        {%- else -%}
            {%- do run_query(asof.parity_sql(contract, which)) -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}

{% macro not_compared(why, which, run_id=none) %}
    {%- set sql -%}
        update {{ asof.registry('requests') }}
        set parity = {{ asof.literal(why) }}, run_id = {{ asof.literal(run_id) }}
        where {{ which }}
    {%- endset -%}
    {%- do run_query(sql) -%}
{% endmacro %}
