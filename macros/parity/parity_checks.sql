{#
  Checks for the service test: that no answer compared since the last such test differs, and that enough of them
  could be compared.
#}
{% macro parity_checks(spec) %}
    {%- if asof.request_log_folder() is none -%}{{- return([]) -}}{%- endif -%}
    {%- set floor = var('asof_parity_floor', 0.95) -%}
    {%- set untold -%}
        from {{ asof.registry('requests') }}
        where service_id = '{{ spec.id }}' and run_id is null and accepted is null
    {%- endset -%}
    {%- set different -%}
        select request_id || '/' || row_number as logged, differences
        {{ untold }} and parity = 'different'
    {%- endset -%}
    {%- set few_compared -%}
        select *
        from (
            select count(*) as logged, count(*) filter (where parity in ('same', 'different')) as compared
            {{ untold }} and parity not like 'not comparable%'
        ) as counted
        where compared < {{ floor }} * logged
    {%- endset -%}
    {{- return([
        {'rule': 'an answer of the API differs from what history gives (parity)', 'sql': different},
        {'rule': 'fewer than ' ~ floor ~ ' of the logged answers can be compared with history (parity)',
            'sql': few_compared},
    ]) -}}
{% endmacro %}

{# Says what was found of each service whose test has run, notes that it was said, and publishes it. #}
{% macro tell_parity(results) %}
    {%- if asof.request_log_folder() is none -%}{{- return(none) -}}{%- endif -%}
    {%- set requests, told = asof.registry('requests'), [] -%}
    {%- for result in results if result.node.resource_type == 'test' and result.node.test_metadata
        and result.node.test_metadata.name == 'service'
            and result.status | string in ['pass', 'fail'] -%}
        {%- set untold = " where service_id = '" ~ asof.versioned_id(graph.nodes[result.node.attached_node])
            ~ "' and run_id is null and parity is not null" -%}
        {%- set counts = [] -%}
        {%- set sql -%}
            select parity, count(*)
            from {{ requests }}{{ untold }}
            group by 1
            order by 1 desc
        {%- endset -%}
        {%- for row in run_query(sql).rows -%}
            {%- do counts.append(row[1] ~ ' ' ~ row[0]) -%}
        {%- endfor -%}
        {%- if counts -%}
            {%- do asof.say('parity of ' ~ asof.versioned_id(graph.nodes[result.node.attached_node])
                ~ ', logged answers against history: ' ~ counts | join('; ') ~ '.') -%}
            {%- do run_query('update ' ~ requests ~ " set run_id = '" ~ invocation_id ~ "'" ~ untold) -%}
            {%- do told.append(counts) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if told -%}{%- do asof.publish_parity() -%}{%- endif -%}
{% endmacro %}
