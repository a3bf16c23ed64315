{# A local date and time of day as hhmm (2400 is the next midnight) as a timestamp without a zone. #}
{% macro local_time(date, hhmm) -%}
    cast({{ date }} as timestamp)
    + cast(60 * floor({{ hhmm }} / 100.0) + {{ hhmm }} % 100 as bigint) * interval '1 minute'
{%- endmacro %}

{# A local timestamp as a time in UTC, and back, by the IANA name of its zone. #}
{% macro from_local(zone, local) %}{{ return(adapter.dispatch('from_local')(zone, local)) }}{% endmacro %}

{% macro default__from_local(zone, local) -%} timezone({{ zone }}, {{ local }}) {%- endmacro %}

{% macro spark__from_local(zone, local) -%} to_utc_timestamp({{ local }}, {{ zone }}) {%- endmacro %}

{% macro to_local(zone, time) %}{{ return(adapter.dispatch('to_local')(zone, time)) }}{% endmacro %}

{% macro default__to_local(zone, time) -%} timezone({{ zone }}, {{ time }}) {%- endmacro %}

{% macro spark__to_local(zone, time) -%} from_utc_timestamp({{ time }}, {{ zone }}) {%- endmacro %}

{# The minute of the day of a local timestamp, and of a time of day as hhmm. #}
{% macro minute_of_day(time) -%}
    (60 * date_part('hour', {{ time }}) + date_part('minute', {{ time }}))
{%- endmacro %}
{% macro hhmm_as_minutes(hhmm) -%}
    (cast(60 * floor({{ hhmm }} / 100.0) + {{ hhmm }} % 100 as bigint) % 1440)
{%- endmacro %}
