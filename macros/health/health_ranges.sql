{# What the rules have in common: the past range of a measure, in columns least_x and most_x, and how far beyond it. #}

{# Whether a value is outside of least_x to most_x by the larger of half its width and the floor. #}
{% macro health_outside(value, x, floor) -%}
    (
        {{ floor }} is not null
        and (
            {{ value }} > {{ asof.health_end('most', x, floor) }}
            or {{ value }} < {{ asof.health_end('least', x, floor) }}
        )
    )
{%- endmacro %}

{# An end of what is allowed. end: 'least' or 'most'. #}
{% macro health_end(end, x, floor) -%}
    {{ end }}_{{ x }} {{ '+' if end == 'most' else '-' }} greatest((most_{{ x }} - least_{{ x }}) / 2, {{ floor }})
{%- endmacro %}

{# The past range, as text; and what is allowed. #}
{% macro health_past(x) -%}
    {{ asof.health_number('least_' ~ x) }} || ' to ' || {{ asof.health_number('most_' ~ x) }}
{%- endmacro %}

{% macro health_allowed(x, floor) -%}
    {{ asof.health_number(asof.health_end('least', x, floor)) }}
    || ' to ' || {{ asof.health_number(asof.health_end('most', x, floor)) }}
{%- endmacro %}

{# A number as text, for people: four digits after the point. #}
{% macro health_number(expression) -%} cast(round({{ expression }}, 4) as varchar) {%- endmacro %}

{#
  The standard error of a rate among so many rows, if the rate is what it was. A rate of 0 or 1 is taken for one that
  a row more or less would give.
#}
{% macro health_error(rate, amount) -%}
    sqrt(({{ rate }} * {{ amount }} + 1) * ((1 - {{ rate }}) * {{ amount }} + 1) / nullif({{ amount }}, 0))
    / ({{ amount }} + 2)
{%- endmacro %}

{# The larger of a threshold and a number; null where the threshold is switched off. #}
{% macro health_at_least(limit, number) -%} ({{ limit }} + greatest(0, {{ number }} - {{ limit }})) {%- endmacro %}
