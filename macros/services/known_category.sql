{#
  A category, `other` where it is none of those known when the model was trained. The build says how many answers
  that befell.
#}
{% macro known_category(expression, categories) -%}
    case
        when {{ expression }} is null then null
        when {{ expression }} in ('{{ categories | join("', '") }}') then {{ expression }}
        else 'other'
    end
{%- endmacro %}
