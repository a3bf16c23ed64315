{#
  A fixed length ('30 days', '15 minutes', '2 hours', '1 day 12 hours', '10 seconds') in whole seconds.
  Months and years are refused: they have no fixed length, and windows are (as_of - length, as_of].
  `what` names the setting in the error.
#}
{% macro seconds(length, what='a length of time') %}
    {%- set seconds = asof.seconds_in(length) -%}
    {%- if seconds is none -%}
        {{- asof.refuse(what ~ " is '" ~ length | string | trim | lower ~ "'. Expected a fixed length such as '15 "
            ~ "minutes', '2 hours' or '30 days' (seconds, minutes, hours, days or weeks; months and years have no "
            ~ "fixed length).") -}}
    {%- endif -%}
    {{- return(seconds) -}}
{% endmacro %}

{# The same, or none where it is no fixed length. #}
{% macro seconds_in(length) %}
    {%- set units = {'second': 1, 'minute': 60, 'hour': 3600, 'day': 86400, 'week': 604800} -%}
    {%- set text = length | string | trim | lower -%}
    {%- if not modules.re.match('^(\d+ +[a-z]+)( +\d+ +[a-z]+)*$', text) -%}{{- return(none) -}}{%- endif -%}
    {%- set total = namespace(seconds=0) -%}
    {%- for number, unit in modules.re.findall('(\d+) +([a-z]+)', text) -%}
        {%- set name = unit[:-1] if unit.endswith('s') else unit -%}
        {%- if name not in units -%}{{- return(none) -}}{%- endif -%}
        {%- set total.seconds = total.seconds + (number | int) * units[name] -%}
    {%- endfor -%}
    {{- return(total.seconds) -}}
{% endmacro %}
