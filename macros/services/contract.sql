{# Small words for contracts: each keeps null as null, which the bare functions of some engines don't. #}

{# Hours from one time to a later one, to the microsecond, as double. #}
{% macro hours_between(earlier, later) -%}
    (extract(epoch from ({{ later }} - {{ earlier }})) / 3600.0)
{%- endmacro %}

{# A number, at most `high`. (`least` would turn null into the cap.) #}
{% macro cap(expression, high) -%}
    case when {{ expression }} > {{ high }} then {{ high }} else {{ expression }} end
{%- endmacro %}

{# A category, `other` where it is none of those known when the model was trained. The build says how many answers that befell. #}
{% macro known_category(expression, categories) -%}
    case
        when {{ expression }} is null then null
        when {{ expression }} in ('{{ categories | join("', '") }}') then {{ expression }}
        else 'other'
    end
{%- endmacro %}
