{#
  Refuses, before anything runs and on every engine, what the graph shows to be against the rules. Each message names
  the file and the remedy. (What SQL text holds is left to check_parsed_sql.)
#}
{% macro check_project() %}
    {%- if asof.models_of('clock') | length != 1 -%}
        {{- asof.refuse('the project needs one model in models/clock, clock.sql, with the one line {{ asof.clock() '
            ~ '}}.') -}}
    {%- endif -%}
    {%- do asof.check_names() -%}
    {%- do asof.check_declared_times() -%}
    {%- do asof.check_latest_materialized() -%}
    {%- do asof.publish_lag_seconds() -%}
    {%- do asof.not_knowledge_safe(asof.models_of('event')) -%}
    {%- do asof.check_record_readers() -%}
    {%- for node in asof.models_of('group') -%}{%- do asof.check_group(asof.group_spec_of(node)) -%}{%- endfor -%}
    {%- for node in asof.models_of('service') -%}{%- do asof.check_service(asof.service_spec_of(node)) -%}{%- endfor -%}
    {%- do asof.check_meanings() -%}
{% endmacro %}
