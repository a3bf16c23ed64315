{# Refuses what reads a clock or dice, as the parser found it (see parsed_sql). #}
{% macro check_volatile(what, parsed, remedy) %}
    {%- for function in parsed.volatile -%}
        {{- asof.refuse(what ~ ' uses ' ~ function ~ ', whose value depends on when it runs. ' ~ remedy) -}}
    {%- endfor -%}
{% endmacro %}

{#
  Refuses a clock or dice in the compiled SQL of an entity: who is there, and since when, would depend on when it
  ran.
#}
{% macro check_entity_sql(node, sql) %}
    {%- for parsed in asof.parsed_sql([sql]) -%}
        {%- do asof.check_volatile(node.original_file_path ~ ': the entity ' ~ node.name, parsed,
            'Its times are those of knowing (known_at) that its event models carry.') -%}
    {%- endfor -%}
{% endmacro %}
