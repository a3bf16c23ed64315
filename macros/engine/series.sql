{% macro default__series(first, last, seconds) -%}
    (
        select moment
        from generate_series({{ first }}, {{ last }}, interval '{{ seconds }} seconds') as series (moment)
    )
{%- endmacro %}
