{# A local date and time of day as hhmm (2400 is the next midnight) as a timestamp without a zone. #}
{% macro local_time(date, hhmm) -%}
    cast({{ date }} as timestamp) + to_minutes(60 * ({{ hhmm }} // 100) + {{ hhmm }} % 100)
{%- endmacro %}

{# The minute of the day of a local timestamp, and of a time of day as hhmm. #}
{% macro minute_of_day(time) -%}
    (60 * date_part('hour', {{ time }}) + date_part('minute', {{ time }}))
{%- endmacro %}
{% macro hhmm_as_minutes(hhmm) -%}
    ((60 * ({{ hhmm }} // 100) + {{ hhmm }} % 100) % 1440)
{%- endmacro %}
