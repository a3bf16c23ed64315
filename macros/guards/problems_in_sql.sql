{#
  What the parser finds in the compiled SQL of a model that dbt materializes itself: a list of messages. (Groups,
  services and entities have materializations of ours, which check their SQL before it is built.)
  lineage: what event models, entities and examples are made of, as lineage_of gives it.
#}
{% macro problems_in_sql(node, lineage) %}
    {%- set role = asof.role(node) -%}
    {%- if node.resource_type != 'model' or not node.compiled_code or not (role in ['event', 'examples']
        or (role is none and node.unique_id in lineage)) -%}
        {{- return([]) -}}
    {%- endif -%}
    {%- set parsed = asof.parsed_sql(node.compiled_code) -%}
    {%- if parsed is none -%}{{- return([]) -}}{%- endif -%}
    {%- set problems = [] -%}
    {%- set log = asof.registry('requests') -%}
    {%- for relation in parsed.relations if asof.is_record(relation.path) and not (role == 'examples'
        and relation.name == log.identifier) -%}
        {%- do problems.append(asof.made_of_the_record(node, relation.name)) -%}
    {%- endfor -%}
    {%- if role == 'examples' -%}
        {%- for function in asof.function_kinds(parsed.functions).volatile -%}
            {%- do problems.append(node.original_file_path ~ ' uses ' ~ function ~ ': the examples would be others '
                ~ 'at another hour. Time ends them by asof.cutoff() and asof.known(ref(...)) only.') -%}
        {%- endfor -%}
        {%- for function in parsed.functions if function in asof.skips_nulls() -%}
            {%- do problems.append(node.original_file_path ~ ' uses ' ~ function ~ ', which passes over rows where '
                ~ 'the value is null, so a value that came later stands for one that was not there yet. Write '
                ~ asof.skips_nulls()[function] ~ '.') -%}
        {%- endfor -%}
    {%- endif -%}
    {{- return(problems | unique | list) -}}
{% endmacro %}

{# Aggregates that take a value from some row and pass over those where it is null, with what to write instead. #}
{% macro skips_nulls() %}
    {%- set first, last = 'arg_min_null(x, (known_at, event_id))', 'arg_max_null(x, (known_at, event_id))' -%}
    {{- return({'arg_min': first, 'min_by': first, 'arg_max': last, 'max_by': last, 'any_value': first}) -}}
{% endmacro %}
