{#
  Refuses, in the compiled SQL of a feature group or service, what the parser sees and the graph does not: a relation
  that is no declared parent (a literal name, a file), anything that reads a clock or dice, and in a service also
  aggregates and windows, since a service is evaluated one request at a time.
#}
{% macro check_parsed_sql(node, sql, kind) %}
    {%- set parsed = asof.parsed_sql(sql) -%}
    {%- if parsed is none -%}{{- return(none) -}}{%- endif -%}
    {%- set what = node.original_file_path ~ ': the ' ~ kind ~ ' ' ~ asof.versioned_id(node) -%}
    {%- set parents = {} -%}
    {%- for parent in node.depends_on.nodes if parent in graph.nodes -%}
        {%- set relation = asof.relation_of(graph.nodes[parent]) -%}
        {%- do parents.update({[relation.database, relation.schema, relation.identifier] | join('.'): relation | string}) -%}
    {%- endfor -%}
    {%- set paths = parsed.relations | map(attribute='path') | list -%}
    {#- also a declared parent, where it is read once more than ref() wrote it -#}
    {%- for relation in parsed.relations if relation.path not in parents or paths.count(relation.path) > sql.count(parents[relation.path]) -%}
        {{- asof.refuse(what ~ ' reads ' ~ relation.name ~ ' by its literal name. ' ~ ('A service sees its rows only: what a prediction needs comes from a feature '
            ~ 'group, or is sent along as a request column of its examples.' if kind == 'service' else 'A feature group reaches events through '
            ~ 'asof.left_join_known(ref(...)) only, which keeps out what was not known yet.')) -}}
    {%- endfor -%}
    {%- if kind == 'service' and paths | length > 1 -%}
        {{- asof.refuse(what ~ ' reads its rows ' ~ paths | length ~ ' times. A service is evaluated one row at a time and cannot look at others: read them once.') -}}
    {%- endif -%}
    {%- for function in parsed.table_functions if function not in ['unnest', 'range', 'generate_series'] -%}
        {{- asof.refuse(what ~ ' reads ' ~ function ~ '(): files and tables come in as sources, through staging.') -}}
    {%- endfor -%}
    {%- set kinds = asof.function_kinds(parsed.functions) -%}
    {%- do asof.check_volatile(what, kinds, 'Time enters through ' ~ ('prediction_time' if kind == 'service' else 'the clock (point.as_of)') ~ ' only.') -%}
    {%- if kind == 'service' and (kinds.aggregate or parsed.has_window) -%}
        {{- asof.refuse(what ~ ' uses ' ~ (kinds.aggregate | join(', ') or 'a window') ~ '. A service is evaluated one row at a time: aggregate in a feature group.') -}}
    {%- endif -%}
{% endmacro %}

{# Refuses what reads a clock or dice, by the kinds of the functions that are called. #}
{% macro check_volatile(what, kinds, remedy) %}
    {%- for function in kinds.volatile -%}
        {{- asof.refuse(what ~ ' uses ' ~ function ~ ', whose value depends on when it runs. ' ~ remedy) -}}
    {%- endfor -%}
{% endmacro %}

{# Refuses a clock or dice in the compiled SQL of an entity: who is there, and since when, would depend on when it ran. #}
{% macro check_entity_sql(node, sql) %}
    {%- set parsed = asof.parsed_sql(sql) -%}
    {%- if parsed is none -%}{{- return(none) -}}{%- endif -%}
    {%- do asof.check_volatile(node.original_file_path ~ ': the entity ' ~ node.name, asof.function_kinds(parsed.functions),
        'Its times are those of knowing (known_at) that its event models carry.') -%}
{% endmacro %}
