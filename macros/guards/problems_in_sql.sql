{#
  What the parser finds in the compiled SQL of models that dbt materializes itself: their unique ids with a list of
  messages each. (Groups, services and entities have materializations of ours, which check their SQL before it is
  built.) nodes: the nodes of a run, of any kind, and what another engine built.
#}
{% macro problems_in_sql(nodes) %}
    {%- set lineage = asof.lineage_of(asof.models_of('event') + asof.models_of('entity')
        + asof.models_of('examples')) -%}
    {%- set built, problems = [], {} -%}
    {%- for node in nodes if node.resource_type == 'model' and node.compiled_code -%}
        {%- set role = asof.role(node) -%}
        {%- if role in ['event', 'examples'] or (role is none and node.unique_id in lineage) -%}
            {%- do built.append(node) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for parsed in asof.parsed_sql(built | map(attribute='compiled_code') | list, refuses=false) -%}
        {%- set node = built[loop.index0] -%}
        {%- do problems.update({node.unique_id: asof.problems_of_parsed(node, parsed)}) -%}
    {%- endfor -%}
    {{- return(problems) -}}
{% endmacro %}

{# What the parser found in a model that event models, entities or examples are made of, or in one of these. #}
{% macro problems_of_parsed(node, parsed) %}
    {%- set problems, role = [], asof.role(node) -%}
    {%- set log = asof.registry('requests') -%}
    {%- for relation in parsed.relations if asof.is_record(relation.path) and not (role == 'examples'
        and relation.name == log.identifier) -%}
        {%- do problems.append(asof.made_of_the_record(node, relation.name)) -%}
    {%- endfor -%}
    {%- if role == 'examples' -%}
        {%- if parsed.error -%}
            {%- do problems.append(node.original_file_path ~ ': its SQL cannot be read by the parser, which looks for '
                ~ 'clocks and later rows in it: ' ~ parsed.error ~ ' Write it so that DuckDB takes it too.') -%}
        {%- endif -%}
        {%- for function in parsed.volatile -%}
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
