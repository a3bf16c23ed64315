{# The hash of a group's or service's SQL as it was last built. #}
{% macro definition_in_force(id) %}
    {%- set sql -%}
        select definition
        from {{ asof.registry('definitions') }}
        where id = '{{ id }}'
    {%- endset -%}
    {%- set found = run_query(sql).rows -%}
    {%- if found | length == 0 -%}
        {{- asof.refuse(id ~ ' was never built in this warehouse: run `dbt run` with its model selected too (dbt '
            ~ 'run -s +' ~ id | replace('@', '_v') ~ '_history).') -}}
    {%- endif -%}
    {{- return(found[0][0]) -}}
{% endmacro %}

{# A group's or service's SQL as it was last built; none where this warehouse never built it. #}
{% macro text_in_force(id) %}
    {%- set sql -%}
        select compiled_sql
        from {{ asof.registry('definitions') }}
        where id = {{ asof.literal(id) }}
    {%- endset -%}
    {%- set found = run_query(sql).rows -%}
    {{- return(found[0][0] if found | length else none) -}}
{% endmacro %}

{# Whether a row of asof_definitions is the definition of a moment, or was found to equal it. Both are aliases. #}
{% macro is_equal_definition(definition, moment) -%}
    (
        {{ definition }}.definition = {{ moment }}.definition
        or exists (
            select 1
            from {{ asof.registry('equal_definitions') }} as equal
            where
                equal.id = {{ definition }}.id
                and equal.definition = {{ definition }}.definition
                and equal.definition_before = {{ moment }}.definition
        )
    )
{%- endmacro %}
