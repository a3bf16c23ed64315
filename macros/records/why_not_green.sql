{#
  Why the models and tests of a scope are not green, {reason, is_failure, missing}, or none. Green: each model was
  built by the run `built` from the text that it has now, and each test passed since, on those very tables.
  is_failure: a run failed by it, and a person must look. missing: the models that the run left out. results: as
  last_results gives them.
#}
{% macro why_not_green(scope, built, results) %}
    {%- set missing, failed, skipped, edited = [], [], [], [] -%}
    {%- for unique_id in scope.models -%}
        {%- set result = results.get(unique_id) -%}
        {%- set name = unique_id.split('.')[2:] | join('.') -%}
        {%- if result is none or result.run_id != built.run_id -%}{%- do missing.append(name) -%}
        {%- elif result.status == 'skipped' -%}{%- do skipped.append(name) -%}
        {%- elif result.status != 'success' -%}{%- do failed.append(name) -%}
        {%- elif result.definition is not none and result.definition != asof.definition_of(graph.nodes[unique_id]) -%}
            {%- do edited.append(name) -%}
        {%- endif -%}
    {%- endfor -%}
    {#- what failed comes first: what is missing for that reason is no choice of a selection -#}
    {%- if failed -%}{{- return(asof.not_green('failed: ' ~ asof.some(failed) ~ ' (dbt says why).')) -}}{%- endif -%}
    {%- set untested, red = [], [] -%}
    {%- for unique_id in scope.tests -%}
        {%- set result = results.get(unique_id) -%}
        {%- set name = graph.nodes[unique_id].name -%}
        {%- if result is none or result.run_number < built.run_number or result.status == 'skipped' -%}
            {%- do untested.append(name) -%}
        {%- elif result.status not in ['pass', 'warn'] -%}{%- do red.append(name) -%}{%- endif -%}
    {%- endfor -%}
    {%- for unique_id, result in results.items() if result.resource_type == 'unit_test'
            and result.run_number >= built.run_number and result.status not in ['pass', 'success', 'warn']
            and result.tested in scope.models -%}
        {%- do red.append(unique_id.split('.')[2:] | join('.')) -%}
    {%- endfor -%}
    {%- if red -%}{{- return(asof.not_green('failed tests: ' ~ asof.some(red) ~ '.')) -}}{%- endif -%}
    {%- if skipped -%}
        {%- set broken = [] -%}
        {%- for unique_id, result in results.items() if result.run_id == built.run_id
                and result.status in ['fail', 'error'] -%}
            {%- set at = unique_id.split('.') -%}
            {%- do broken.append(at[2] if result.resource_type == 'test' else at[2:] | join('.')) -%}
        {%- endfor -%}
        {{- return(asof.not_green('not built: ' ~ asof.some(skipped) ~ ', since something before them failed: '
            ~ asof.some(broken) ~ '.')) -}}
    {%- endif -%}
    {%- if missing -%}
        {{- return(asof.not_green('not built whole by the last run.', is_failure=false, missing=missing)) -}}
    {%- endif -%}
    {%- if edited -%}
        {{- return(asof.not_green('edited since it was built: ' ~ asof.some(edited) ~ '. Run `dbt build`.',
            is_failure=false)) -}}
    {%- endif -%}
    {%- if untested -%}
        {{- return(asof.not_green('not tested since these tables were built: ' ~ asof.some(untested)
            ~ '. Run `dbt test`.', is_failure=false)) -}}
    {%- endif -%}
    {{- return(none) -}}
{% endmacro %}

{# The last result of each node, by unique_id: {status, run_number, run_id, resource_type, tested, definition}. #}
{% macro last_results() %}
    {%- set sql -%}
        select unique_id, status, run_number, run_id, resource_type, tested, definition
        from {{ asof.registry('results') }}
    {%- endset -%}
    {%- set results = {} -%}
    {%- for row in run_query(sql).rows -%}
        {%- do results.update({row[0]: {'status': row[1], 'run_number': row[2] | int, 'run_id': row[3],
            'resource_type': row[4], 'tested': row[5], 'definition': row[6]}}) -%}
    {%- endfor -%}
    {{- return(results) -}}
{% endmacro %}

{% macro not_green(reason, is_failure=true, missing=[]) %}
    {{- return({'reason': reason, 'is_failure': is_failure, 'missing': missing}) -}}
{% endmacro %}

{#
  A hash of what a model is made of as the project has it: its file, what it reads, and what its YAML says of it and
  its columns. (dbt shows the text of macros to no hook: edits of them are seen in the compiled text, once it is built.)
#}
{% macro definition_of(node) %}
    {%- set columns = [] -%}
    {%- for column in node.columns.values() -%}
        {%- do columns.append([column.name, column.data_type, (column.config or {}).meta or column.meta]) -%}
    {%- endfor -%}
    {%- set made_of = [node.checksum.checksum, node.depends_on.nodes, columns, node.config.meta] -%}
    {{- return('md5:' ~ local_md5(tojson(made_of))) -}}
{% endmacro %}

{# A list for a message, cut where it would fill the screen. #}
{% macro some(names) %}
    {%- set more = names | length - 8 -%}
    {{- return((names | sort)[:8] | join(', ') ~ (' and ' ~ more ~ ' more' if more > 0 else '')) -}}
{% endmacro %}
