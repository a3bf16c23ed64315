{#
  Refuses, in the compiled SQL of a feature group or service, what the parser sees and the graph does not: a relation
  that is no declared parent (a literal name, a file) or that in a group is read past points and the joins, anything
  that reads a clock or dice, and in a service also aggregates, windows and a second look at its rows, since it is
  evaluated one request at a time.
#}
{% macro check_parsed_sql(node, sql, kind) %}
    {%- set parsed = asof.parsed_sql([sql]) | first -%}
    {%- if not parsed -%}{{- return(none) -}}{%- endif -%}
    {%- set what = node.original_file_path ~ ': the ' ~ kind ~ ' ' ~ asof.versioned_id(node) -%}
    {%- do asof.check_relations(what, asof.parents_by_path(node), parsed.relations, kind) -%}
    {%- do asof.check_superseded(what, sql) -%}
    {%- if kind == 'service' -%}
        {%- do asof.check_reads_rows_once(what, parsed) -%}
    {%- elif parsed.names_as_of -%}
        {{- asof.refuse(what ~ ' calls something as_of that is not the as_of of its points. The joins keep out '
            ~ 'what was not known at point.as_of, so it stays what asof.points gives: call the other column '
            ~ 'something else.') -}}
    {%- endif -%}
    {%- for function in parsed.table_functions if function not in ['unnest', 'range', 'generate_series'] -%}
        {{- asof.refuse(what ~ ' reads ' ~ function ~ '(): files and tables come in as sources, through staging.') -}}
    {%- endfor -%}
    {%- do asof.check_volatile(what, parsed, 'Time enters through ' ~ ('prediction_time' if kind == 'service'
        else 'the clock (point.as_of)') ~ ' only.') -%}
    {%- if kind == 'service' and (parsed.aggregates or parsed.has_window) -%}
        {{- asof.refuse(what ~ ' uses ' ~ (parsed.aggregates | join(', ') or 'a window')
            ~ '. A service is evaluated one row at a time: aggregate in a feature group.') -}}
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
