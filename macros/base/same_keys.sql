{# `a.k = b.k` for each key column, compared as columns, never as one concatenated string. #}
{% macro same_keys(left, right, keys) -%}
    {%- for key in ([keys] if keys is string else keys) -%}
        {{ left }}.{{ key }} = {{ right }}.{{ key }}{{ ' and ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
