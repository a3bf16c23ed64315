{# Refuses a service that reads its rows, or a common table expression that holds them, more than once. #}
{% macro check_reads_rows_once(what, parsed) %}
    {%- if parsed.relations | length > 1 -%}
        {{- asof.refuse(what ~ ' reads its rows ' ~ parsed.relations | length ~ ' times. A service is evaluated '
            ~ 'one row at a time and cannot look at others: read them once.') -}}
    {%- endif -%}
    {%- set holders = parsed.relations | map(attribute='within') | list -%}
    {%- for _ in parsed.common_tables -%}
        {%- for reference in parsed.common_tables if reference.declared in holders
            and reference.within not in holders -%}
            {%- do holders.append(reference.within) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- set read = [] -%}
    {%- for reference in parsed.common_tables if reference.declared in holders -%}
        {%- if reference.declared in read -%}
            {{- asof.refuse(what ~ ' reads ' ~ reference.name ~ ', which holds its rows, more than once. A service '
                ~ 'is evaluated one row at a time and cannot look at others: read it once.') -}}
        {%- endif -%}
        {%- do read.append(reference.declared) -%}
    {%- endfor -%}
{% endmacro %}
