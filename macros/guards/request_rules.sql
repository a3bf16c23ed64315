{#
  What the API refuses of a request, beside what is not of its declared type: [{rule, broken}], `broken` a condition
  over the columns. The shim says the same in Python (serve/validation.py), of JSON.
#}
{% macro request_rules(keys, request) %}
    {%- set rules = [] -%}
    {%- for column in keys -%}
        {%- do rules.append({'rule': 'the key ' ~ column.name ~ ' is null', 'broken': column.name ~ ' is null'}) -%}
    {%- endfor -%}
    {%- for column in request -%}
        {%- if not column.meta.get('optional', false) -%}
            {%- do rules.append({'rule': 'the request column ' ~ column.name ~ ' is null',
                'broken': column.name ~ ' is null'}) -%}
        {%- endif -%}
        {%- if '[' in column.type -%}
            {%- do rules.append({'rule': column.name ~ ' holds a null', 'broken': asof.holds_null(column.name)}) -%}
        {%- endif -%}
    {%- endfor -%}
    {{- return(rules + asof.range_rules(request) + asof.category_rules(request) + asof.finite_rules(keys + request)) -}}
{% endmacro %}
