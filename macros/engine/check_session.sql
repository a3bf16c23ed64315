{# Windows of days are exact only where a day has 24 hours: every session is in UTC. #}
{% macro check_session() %}{{ return(adapter.dispatch('check_session', 'asof')()) }}{% endmacro %}

{% macro default__check_session() %}
    {%- set zone = run_query("select current_setting('TimeZone')").rows[0][0] -%}
    {%- if zone | lower not in ['utc', 'etc/utc'] -%}
        {{- asof.refuse("the warehouse session's time zone is " ~ zone ~ ". Set it to UTC in profiles.yml (DuckDB: "
            ~ "`settings: {TimeZone: UTC}`), else days would be an hour off across a change of daylight saving "
            ~ "time.") -}}
    {%- endif -%}
{% endmacro %}
