{# Refuses what reads a clock or dice, by the kinds of the functions that are called. #}
{% macro check_volatile(what, kinds, remedy) %}
    {%- for function in kinds.volatile -%}
        {{- asof.refuse(what ~ ' uses ' ~ function ~ ', whose value depends on when it runs. ' ~ remedy) -}}
    {%- endfor -%}
{% endmacro %}

{#
  Refuses a clock or dice in the compiled SQL of an entity: who is there, and since when, would depend on when it
  ran.
#}
{% macro check_entity_sql(node, sql) %}
    {%- set parsed = asof.parsed_sql(sql) -%}
    {%- if parsed is none -%}{{- return(none) -}}{%- endif -%}
    {%- do asof.check_volatile(node.original_file_path ~ ': the entity ' ~ node.name,
        asof.function_kinds(parsed.functions),
        'Its times are those of knowing (known_at) that its event models carry.') -%}
{% endmacro %}
