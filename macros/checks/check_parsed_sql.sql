{#
  Refuses, in the compiled SQL of a feature group or service, what the parser sees and the graph does not: a relation
  that is no declared parent (a literal name, a file) or that in a group is read past points and the joins, anything that
  reads a clock or dice, and in a service also aggregates, windows and a second look at its rows, since it is evaluated one
  request at a time.
#}
{% macro check_parsed_sql(node, sql, kind) %}
    {%- set parsed = asof.parsed_sql(sql) -%}
    {%- if parsed is none -%}{{- return(none) -}}{%- endif -%}
    {%- set what = node.original_file_path ~ ': the ' ~ kind ~ ' ' ~ asof.versioned_id(node) -%}
    {%- do asof.check_relations(what, asof.parents_by_path(node), parsed.relations, kind) -%}
    {%- do asof.check_superseded(what, sql) -%}
    {%- if kind == 'service' -%}
        {%- do asof.check_reads_rows_once(what, parsed) -%}
    {%- elif parsed.names_as_of -%}
        {{- asof.refuse(what ~ ' calls something as_of that is not the as_of of its points. The joins keep out what was not known '
            ~ 'at point.as_of, so it stays what asof.points gives: call the other column something else.') -}}
    {%- endif -%}
    {%- for function in parsed.table_functions if function not in ['unnest', 'range', 'generate_series'] -%}
        {{- asof.refuse(what ~ ' reads ' ~ function ~ '(): files and tables come in as sources, through staging.') -}}
    {%- endfor -%}
    {%- set kinds = asof.function_kinds(parsed.functions) -%}
    {%- do asof.check_volatile(what, kinds, 'Time enters through '
        ~ ('prediction_time' if kind == 'service' else 'the clock (point.as_of)') ~ ' only.') -%}
    {%- if kind == 'service' and (kinds.aggregate or parsed.has_window) -%}
        {{- asof.refuse(what ~ ' uses ' ~ (kinds.aggregate | join(', ') or 'a window')
            ~ '. A service is evaluated one row at a time: aggregate in a feature group.') -}}
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

{# The models that a model reads, by the path that ref() writes in SQL. #}
{% macro parents_by_path(node) %}
    {%- set parents = {} -%}
    {%- for parent in node.depends_on.nodes if parent in graph.nodes -%}
        {%- set relation = asof.relation_of(graph.nodes[parent]) -%}
        {%- set path = [relation.database, relation.schema, relation.identifier] | select | join('.') -%}
        {%- do parents.update({path: graph.nodes[parent]}) -%}
    {%- endfor -%}
    {{- return(parents) -}}
{% endmacro %}

{#
  Refuses what is read by a literal name; in a group also what points and the joins do not read, which give each relation an
  alias that begins with asof_; and a common table expression of the name of a model that is read within its scope.
#}
{% macro check_relations(what, parents, relations, kind) %}
    {%- set known_joins = relations | selectattr('alias', 'equalto', 'asof_known') | list -%}
    {#- under --empty dbt writes a relation as a subquery, which has the alias; nothing comes of such a run -#}
    {%- set has_aliases = kind != 'service' and not flags.EMPTY and not flags.SAMPLE -%}
    {%- for relation in relations -%}
        {%- if kind == 'service' and relation.path not in parents -%}
            {{- asof.refuse(what ~ ' reads ' ~ relation.name ~ ' by its literal name. A service sees its rows only: what a prediction '
                ~ 'needs comes from a feature group, or is sent along as a request column of its examples.') -}}
        {%- elif relation.path not in parents or (has_aliases and not (relation.alias or '').startswith('asof_')) -%}
            {{- asof.refuse(what ~ ' reads ' ~ relation.name ~ (' past the joins, by its literal name or by a ref outside them'
                if relation.path in parents else ' by its literal name') ~ '. A feature group reaches events through '
                ~ 'asof.left_join_known(ref(...)) and asof.left_join_last_known(ref(...)) only, which keep out what was not known yet.') -}}
        {%- elif relation.is_hidden -%}
            {{- asof.refuse(what ~ ' has a common table expression called ' ~ relation.name ~ ' where it reads the model '
                ~ relation.name ~ '. The text on record has models by their bare names, so one would be taken for the other: give '
                ~ 'the common table expression another name.') -}}
        {%- endif -%}
    {%- endfor -%}
    {%- if known_joins | length > 1 -%}
        {{- asof.refuse(what ~ ' joins known events twice; the rows of one stream would multiply those of the other. '
            ~ 'Make two groups.') -}}
    {%- endif -%}
{% endmacro %}

{# Refuses a service that reads its rows, or a common table expression that holds them, more than once. #}
{% macro check_reads_rows_once(what, parsed) %}
    {%- if parsed.relations | length > 1 -%}
        {{- asof.refuse(what ~ ' reads its rows ' ~ parsed.relations | length ~ ' times. A service is evaluated one row at a time '
            ~ 'and cannot look at others: read them once.') -}}
    {%- endif -%}
    {%- set holders = parsed.relations | map(attribute='within') | list -%}
    {%- for _ in parsed.common_tables -%}
        {%- for reference in parsed.common_tables if reference.declared in holders and reference.within not in holders -%}
            {%- do holders.append(reference.within) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- set read = [] -%}
    {%- for reference in parsed.common_tables if reference.declared in holders -%}
        {%- if reference.declared in read -%}
            {{- asof.refuse(what ~ ' reads ' ~ reference.name ~ ', which holds its rows, more than once. A service is evaluated one '
                ~ 'row at a time and cannot look at others: read it once.') -}}
        {%- endif -%}
        {%- do read.append(reference.declared) -%}
    {%- endfor -%}
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
