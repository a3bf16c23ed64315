{# Before a run on an engine that hands over: the session, and what the graph shows to be against the rules. #}
{% macro check_engine_run() %}
    {%- do asof.check_session() -%}
    {%- do asof.check_project() -%}
{% endmacro %}
