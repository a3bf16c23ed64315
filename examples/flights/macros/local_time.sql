{# A local date and time of day as hhmm (2400 is the next midnight) as a timestamp without a zone. #}
{% macro local_time(date, hhmm) -%}
    cast({{ date }} as timestamp) + cast(60 * floor({{ hhmm }} / 100.0) + {{ hhmm }} % 100 as bigint) * interval '1 minute'
{%- endmacro %}

{# The minute of the day of a local timestamp, and of a time of day as hhmm. #}
{% macro minute_of_day(time) -%}
    (60 * date_part('hour', {{ time }}) + date_part('minute', {{ time }}))
{%- endmacro %}
{% macro hhmm_as_minutes(hhmm) -%}
    (cast(60 * floor({{ hhmm }} / 100.0) + {{ hhmm }} % 100 as bigint) % 1440)
{%- endmacro %}
