{% macro range_rules(columns) %}
    {%- set rules = [] -%}
    {%- for column in columns if asof.outside_range(column, column.name) -%}
        {%- do rules.append({'rule': column.name ~ ' lies outside its declared range ' ~ column.meta.range,
            'broken': asof.outside_range(column, column.name)}) -%}
    {%- endfor -%}
    {{- return(rules) -}}
{% endmacro %}

{# also: what is no declared category and may be there. #}
{% macro category_rules(columns, also=[]) %}
    {%- set rules = [] -%}
    {%- for column in columns if column.meta.get('categories') -%}
        {%- do rules.append({'rule': column.name ~ ' is none of its declared categories',
            'broken': asof.outside_categories(column, column.name, also)}) -%}
    {%- endfor -%}
    {{- return(rules) -}}
{% endmacro %}

{# What no answer can hold, and no history (see asof.is_infinite). #}
{% macro finite_rules(columns) %}
    {%- set rules = [] -%}
    {%- for column in columns if asof.is_infinite(column.name, column.type) -%}
        {%- set what = 'NaN or infinite' if column.type.startswith(('float', 'double'))
            else 'infinite, or not in the years 1 to 9999 (null says that there is none)' -%}
        {%- do rules.append({'rule': column.name ~ ' is ' ~ what, 'broken': asof.is_infinite(column.name,
            column.type)}) -%}
    {%- endfor -%}
    {{- return(rules) -}}
{% endmacro %}
