{#
  Refuses, in the compiled SQL of a feature group or service, what the parser sees and the graph does not: a relation
  that is no declared parent (a literal name, a file) or that in a group is read past points and the joins, anything that
  reads a clock or dice, and in a service also aggregates and windows, since it is evaluated one request at a time.
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
    {%- for relation in parsed.relations -%}
        {%- set declared = parents.get(relation.path) -%}
        {%- if kind == 'service' and (declared is none or paths.count(relation.path) > sql.count(declared)) -%}
            {{- asof.refuse(what ~ ' reads ' ~ relation.name ~ ' by its literal name. A service sees its rows only: what a prediction needs comes '
                ~ 'from a feature group, or is sent along as a request column of its examples.') -}}
        {%- elif kind != 'service' and (declared is none or paths.count(relation.path) > asof.marked_reads(sql, declared)) -%}
            {{- asof.refuse(what ~ ' reads ' ~ relation.name ~ (' by its literal name' if declared is none else ' past the joins, by its literal name '
                ~ 'or by a ref in a macro') ~ '. A feature group reaches events through asof.left_join_known(ref(...)) and '
                ~ 'asof.left_join_last_known(ref(...)) only, which keep out what was not known yet.') -}}
        {%- endif -%}
    {%- endfor -%}
    {%- do asof.check_superseded(what, sql) -%}
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

{#
  Refuses what reads asof_superseded_at of a join: it says whether a later version was known by the last moment of the run.
  A join writes the name three times: as it makes the column, and twice where it compares it.
#}
{% macro check_superseded(what, sql) %}
    {%- set text = asof.normalised(sql) | lower -%}
    {%- if text.count('asof_superseded_at') > 3 * text.count(') as asof_superseded_at') -%}
        {{- asof.refuse(what ~ ' reads asof_superseded_at, a column of the joins that says when the next version became known, also where that is '
            ~ 'after as_of. Leave it out: a version that was superseded at as_of is not joined.') -}}
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
