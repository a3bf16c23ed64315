{# Keeps the last result of each node, with the run it came from. Returns what must fail the command. #}
{% macro keep_results(results) %}
    {%- set sql -%}
        select run_number
        from {{ asof.registry('runs') }}
        where run_id = '{{ invocation_id }}'
    {%- endset -%}
    {%- set number = run_query(sql).rows[0][0] -%}
    {%- set rows, refused = [], [] -%}
    {%- set stay = asof.models_that_stay() -%}
    {%- set problems_of = asof.problems_in_sql(results | map(attribute='node') | list + stay) -%}
    {%- for node in stay if problems_of[node.unique_id] -%}
        {%- do refused.extend(problems_of[node.unique_id]) -%}
        {%- do rows.append([node.unique_id, 'model', 'refused', number | int, invocation_id, none,
            asof.definition_of(graph.nodes[node.unique_id])]) -%}
    {%- endfor -%}
    {%- for result in results if result.node.resource_type in ['model', 'test', 'unit_test', 'seed', 'snapshot'] -%}
        {%- set problems = problems_of.get(result.node.unique_id, []) -%}
        {%- do refused.extend(problems) -%}
        {%- do rows.append([result.node.unique_id, result.node.resource_type | string, 'refused' if problems
            else result.status | string, number | int,
            invocation_id, (result.node.depends_on.nodes | first) if result.node.resource_type == 'unit_test'
            else none, asof.definition_of(graph.nodes[result.node.unique_id]) if result.node.resource_type == 'model'
            else none]) -%}
    {%- endfor -%}
    {%- if rows -%}
        {%- set ids = [] -%}
        {%- for row in rows -%}{%- do ids.append(asof.literal(row[0])) -%}{%- endfor -%}
        {%- set forgotten -%}
            delete from {{ asof.registry('results') }} where unique_id in ({{ ids | join(', ') }})
        {%- endset -%}
        {%- do asof.run_together([forgotten, asof.insert_sql('results', rows)]) -%}
    {%- endif -%}
    {%- do asof.fault_point('after_results') -%}
    {{- return(refused) -}}
{% endmacro %}

{# The models that another engine built for this command and that stay there, with their compiled SQL. #}
{% macro models_that_stay() %}
    {%- set nodes = [] -%}
    {%- set handover = asof.handover() if env_var('ASOF_HANDOVER', '') else none -%}
    {%- for unique_id, relation in (handover.relations if handover is not none else {}).items()
        if relation.get('compiled_code') -%}
        {%- do nodes.append(dict(graph.nodes[unique_id], compiled_code=relation.compiled_code)) -%}
    {%- endfor -%}
    {{- return(nodes) -}}
{% endmacro %}

{# What our own tests found, in words: dbt prints a count only. #}
{% macro show_failures(results) %}
    {%- for result in results if result.node.resource_type == 'test' and result.status | string in ['fail', 'warn']
            and result.node.test_metadata and result.node.test_metadata.namespace == 'asof' -%}
        {%- for row in run_query('select * from (' ~ result.node.compiled_code ~ ') as problem limit 10').rows -%}
            {%- do asof.say(result.node.name ~ ': ' ~ row.values() | map('string') | join(' | ')) -%}
        {%- endfor -%}
    {%- endfor -%}
{% endmacro %}
