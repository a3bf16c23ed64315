{#
  Refuses an event model whose times have no zone, or that has a column of a name that is ours. events: its relation, as
  the joins have it. (In a unit test there is no such relation, nor of an ephemeral model, whose relation has no
  schema.)
#}
{% macro check_event_columns(events) %}
    {%- set relation = load_relation(events) if execute and events is not string and events.schema else none -%}
    {%- if relation is none -%}{{- return('') -}}{%- endif -%}
    {%- set where, problems = asof.file_of(relation), [] -%}
    {%- for column in adapter.get_columns_in_relation(relation) -%}
        {%- set name = column.name | lower -%}
        {%- if name in asof.times_of('event') -%}
            {%- do problems.append(asof.problem_of_time(where, name, relation.identifier, column.dtype)) -%}
        {%- elif name.startswith('asof_') -%}
            {%- do problems.append(asof.problem_of_name(where, 'the event model ' ~ relation.identifier
                ~ ', the column', name, {}, [])) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do asof.refuse_all(problems) -%}
{% endmacro %}

{# Refuses examples whose times have no zone, before anything is looked up for them. examples: their relation. #}
{% macro check_example_times(examples) %}
    {%- set relation = load_relation(examples) if execute else none -%}
    {%- if relation is none -%}{{- return('') -}}{%- endif -%}
    {%- set problems = [] -%}
    {%- for column in adapter.get_columns_in_relation(relation) if column.name | lower in asof.times_of('examples') -%}
        {%- do problems.append(asof.problem_of_time(asof.file_of(relation), column.name | lower, relation.identifier,
            column.dtype)) -%}
    {%- endfor -%}
    {%- do asof.refuse_all(problems) -%}
{% endmacro %}

{# The file of the model that a relation is of, or where there is none its name. #}
{% macro file_of(relation) %}
    {%- for node in graph.nodes.values() if node.resource_type in ['model', 'seed']
        and node.relation_name == relation | string -%}
        {{- return(node.original_file_path) -}}
    {%- endfor -%}
    {{- return(relation | string) -}}
{% endmacro %}
