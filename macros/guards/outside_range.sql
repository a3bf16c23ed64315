{#
  Declared ranges and categories of a column as SQL conditions over `expression`, its value: null where that is null,
  and none where nothing is declared. column: {name, type, meta}. The shim says the same of what a caller sends
  (serve/validation.py).
#}

{# Whether the value lies outside `range: [low, high]`; both ends are in it, and either may be null. #}
{% macro outside_range(column, expression) %}
    {%- set range_ = column.meta.get('range') or [none, none] -%}
    {%- if column.meta.get('range') and not asof.is_number(column.type) -%}
        {{- asof.refuse('the column ' ~ column.name ~ ' declares the range ' ~ column.meta.range ~ ', but is '
            ~ column.type ~ '. A range is of numbers: leave it out, or declare categories.') -}}
    {%- endif -%}
    {%- set outside = [] -%}
    {%- if range_[0] is not none -%}
        {%- do outside.append(expression ~ ' < ' ~ asof.bound(range_[0], column.type)) -%}
    {%- endif -%}
    {%- if range_[1] is not none -%}
        {%- do outside.append(expression ~ ' > ' ~ asof.bound(range_[1], column.type)) -%}
    {%- endif -%}
    {{- return('(' ~ outside | join(' or ') ~ ')' if outside else none) -}}
{% endmacro %}

{% macro is_number(type) %}
    {%- set pattern = '^((tiny|small|big|huge|u|ubig|utiny|usmall)?int(?!erval)|signed|short|long'
        ~ '|double|float|real|dec|num)' -%}
    {{- return(modules.re.match(pattern, type) is not none and '[' not in type) -}}
{% endmacro %}

{# A bound as the column's own type has it: 0.1 is within [0, 0.1] for floats of 32 bits too. #}
{% macro bound(value, type) %}
    {{- return("cast('" ~ value ~ "' as " ~ type ~ ')' if modules.re.match('^(double|float|real)', type) else value) -}}
{% endmacro %}

{#
  Whether a service's column that lies outside its range is null, by its YAML, rather than a reason to reject the
  row.
#}
{% macro is_null_outside(column) %}
    {{- return('out_of_range' in column.meta and column.meta.out_of_range in [none, 'null']) -}}
{% endmacro %}

{# Whether the value is none of `categories`. also: what else it may be. #}
{% macro outside_categories(column, expression, also=[]) %}
    {%- set known = [] -%}
    {%- for category in (column.meta.get('categories') or []) + also -%}
        {%- do known.append(asof.literal(category)) -%}
    {%- endfor -%}
    {{- return(expression ~ ' not in (' ~ known | join(', ') ~ ')' if column.meta.get('categories') else none) -}}
{% endmacro %}
