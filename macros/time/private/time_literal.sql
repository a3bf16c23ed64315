{# A datetime with a zone as the one UTC spelling used in SQL literals: `2026-05-01 08:58:00.000000+00:00`. #}
{% macro time_literal(moment) %}
    {{- return(moment.astimezone(modules.pytz.utc).strftime('%Y-%m-%d %H:%M:%S.%f') ~ '+00:00') -}}
{% endmacro %}

{#
  Text (ISO 8601 with an offset, or a bare date, which is midnight UTC) to a time literal. `what` names it in
  errors.
#}
{% macro parse_time(text, what) %}
    {%- set text = (text | string | trim) -%}
    {%- set pattern = '^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:?\d{2}))?$' -%}
    {%- if not modules.re.match(pattern, text) -%}
        {{- asof.refuse(what ~ " is '" ~ text ~ "'. Expected a time with its offset, as in 2026-05-01T08:58:00Z, "
            ~ "or a bare date, which means midnight UTC.") -}}
    {%- endif -%}
    {%- set text = text ~ 'T00:00:00+00:00' if text | length == 10 else text -%}
    {#- a Z at the end is not for every dbt's fromisoformat -#}
    {{- return(asof.time_literal(modules.datetime.datetime.fromisoformat(text | replace('Z', '+00:00')))) -}}
{% endmacro %}

{# A time literal back to a datetime with a zone. #}
{% macro as_datetime(literal) %}
    {{- return(modules.datetime.datetime.fromisoformat(literal)) -}}
{% endmacro %}

{# A time literal in the spelling of the published files (RFC 3339): `2026-05-01T08:58:00.000000Z`. #}
{% macro rfc3339(literal) %}
    {{- return(literal | replace(' ', 'T') | replace('+00:00', 'Z')) -}}
{% endmacro %}

{# A time literal as a SQL expression of type timestamptz. #}
{% macro sql_time(literal) %}
    {{- return("cast('" ~ literal ~ "' as " ~ asof.type_timestamptz() ~ ")") -}}
{% endmacro %}
