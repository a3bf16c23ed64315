{#
  Why the models and tests of a scope are not green, or none: each model was built by the run `built`, and each test
  passed since, on those very tables.
#}
{% macro why_not_green(scope, built) %}
    {%- set results = {} -%}
    {%- set sql -%}
        select unique_id, status, run_number, run_id, resource_type, tested
        from {{ asof.registry('results') }}
    {%- endset -%}
    {%- for row in run_query(sql).rows -%}
        {%- do results.update({row[0]: {'status': row[1], 'run_number': row[2] | int, 'run_id': row[3],
            'resource_type': row[4], 'tested': row[5]}}) -%}
    {%- endfor -%}
    {%- set missing, failed, skipped = [], [], [] -%}
    {%- for unique_id in scope.models -%}
        {%- set result = results.get(unique_id) -%}
        {%- if result is none or result.run_id != built.run_id -%}
            {%- do missing.append(unique_id.split('.')[2:] | join('.')) -%}
        {%- elif result.status == 'skipped' -%}{%- do skipped.append(unique_id.split('.')[2:] | join('.')) -%}
        {%- elif result.status != 'success' -%}
            {%- do failed.append(unique_id.split('.')[2:] | join('.')) -%}
        {%- endif -%}
    {%- endfor -%}
    {#- what failed comes first: what is missing for that reason is no choice of a selection -#}
    {%- if failed -%}
        {{- return('failed: ' ~ asof.some(failed) ~ ' (dbt says why). The snapshot before stays.') -}}
    {%- endif -%}
    {%- set untested, red = [], [] -%}
    {%- for unique_id in scope.tests -%}
        {%- set result = results.get(unique_id) -%}
        {%- set name = graph.nodes[unique_id].name -%}
        {%- if result is none or result.run_number < built.run_number or result.status == 'skipped' -%}
            {%- do untested.append(name) -%}
        {%- elif result.status not in ['pass', 'warn'] -%}{%- do red.append(name) -%}{%- endif -%}
    {%- endfor -%}
    {%- for unique_id, result in results.items() if result.resource_type == 'unit_test'
        and result.run_number >= built.run_number
            and result.status not in ['pass', 'success', 'warn'] and result.tested in scope.models -%}
        {%- do red.append(unique_id.split('.')[2:] | join('.')) -%}
    {%- endfor -%}
    {%- if red -%}{{- return('failed tests: ' ~ asof.some(red) ~ '. The snapshot before stays.') -}}{%- endif -%}
    {%- if skipped -%}
        {%- set broken = [] -%}
        {%- for unique_id, result in results.items() if result.run_id == built.run_id and result.status in ['fail',
            'error'] -%}
            {%- do broken.append(unique_id.split('.')[2] if result.resource_type == 'test'
                else unique_id.split('.')[2:] | join('.')) -%}
        {%- endfor -%}
        {{- return('not built: ' ~ asof.some(skipped) ~ ', since something before them failed: ' ~ asof.some(broken)
            ~ '. The snapshot before stays.') -}}
    {%- endif -%}
    {%- if missing -%}
        {{- return('all groups and services go in one rhythm, and the last run built only a part. Not in it: '
            ~ asof.some(missing) ~ '. Run `dbt build` without a selection, or mark what is under construction with '
            ~ 'publish: false.') -}}
    {%- endif -%}
    {%- if untested -%}
        {{- return('not tested since these tables were built: ' ~ asof.some(untested) ~ '. Run `dbt test`.') -}}
    {%- endif -%}
    {{- return(none) -}}
{% endmacro %}

{# A list for a message, cut where it would fill the screen. #}
{% macro some(names) %}
    {{- return((names | sort)[:8] | join(', ') ~ (' and ' ~ (names | length - 8) ~ ' more' if names | length > 8
        else '')) -}}
{% endmacro %}
