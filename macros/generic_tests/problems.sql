{#
  The shape all composite tests share: one row per rule that is broken, with how many rows break it and one of them.
  checks: a list of {rule, sql}, each sql returning the offending rows.
#}
{% macro problems(checks) %}
    {%- for check in checks %}
    select
        '{{ check.rule | replace("'", "''") }}' as problem,
        count(*) as row_count,
        cast(min(cast(asof_offending as varchar)) as varchar) as for_example
    from (
        {{ check.sql }}
    ) as asof_offending
    having count(*) > 0
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
    {%- if not checks %}
    select 'none' as problem, 0 as row_count, cast(null as varchar) as for_example where false
    {%- endif %}
{% endmacro %}

{# The node a generic test is attached to. Inside a test, `model` is the relation under test. #}
{% macro tested_node() %}
    {{- return(graph.nodes[context['model'].attached_node]) -}}
{% endmacro %}

{#
  {name, version, base} of the model that a generic test is attached to, as in shipment, 1, shipment_v1. Also at parse time, when
  only the test's arguments are known: the model's name and version are what stands in quotes there.
#}
{% macro tested_base() %}
    {%- set quoted = context['model'].test_metadata.kwargs.model.split("'")[1::2] -%}
    {%- set name, version = quoted[0], (quoted + ['1'])[1] -%}
    {{- return({'name': name, 'version': version, 'base': name ~ '_v' ~ version}) -}}
{% endmacro %}

{# Rules that hold for each row of declared columns: meta.range, meta.categories, meta.max_null_rate. #}
{% macro column_checks(relation, columns) %}
    {%- set checks = [] -%}
    {%- for column in columns -%}
        {%- if column.meta.get('range') -%}
            {%- set low, high = column.meta.range[0], column.meta.range[1] -%}
            {%- set outside = [] -%}
            {%- if low is not none -%}{%- do outside.append(column.name ~ ' < ' ~ low) -%}{%- endif -%}
            {%- if high is not none -%}{%- do outside.append(column.name ~ ' > ' ~ high) -%}{%- endif -%}
            {%- do checks.append({'rule': column.name ~ ' lies outside its declared range ' ~ column.meta.range,
                'sql': 'select * from ' ~ relation ~ ' where ' ~ outside | join(' or ')}) -%}
        {%- endif -%}
        {%- if column.meta.get('categories') -%}
            {%- set known = [] -%}
            {%- for category in column.meta.categories + ['other'] -%}{%- do known.append(asof.literal(category)) -%}{%- endfor -%}
            {%- do checks.append({'rule': column.name ~ ' is none of its declared categories',
                'sql': 'select * from ' ~ relation ~ ' where ' ~ column.name ~ ' not in (' ~ known | join(', ') ~ ')'}) -%}
        {%- endif -%}
        {%- if column.meta.get('max_null_rate') is not none -%}
            {%- do checks.append({'rule': column.name ~ ' is null more often than its declared max_null_rate ' ~ column.meta.max_null_rate,
                'sql': 'select ' ~ column.name ~ ' from ' ~ relation ~ ' where ' ~ column.name ~ ' is null and (select count(*) filter (where ' ~ column.name
                    ~ ' is null) > ' ~ column.meta.max_null_rate ~ ' * count(*) from ' ~ relation ~ ')'}) -%}
        {%- endif -%}
        {%- if modules.re.match('^(double|float|real)', column.type) -%}
            {#- spelled `nan`, `NaN`, `inf`, `Infinity`; also within a list -#}
            {%- set text = 'lower(cast(' ~ column.name ~ ' as varchar))' -%}
            {%- do checks.append({'rule': column.name ~ ' is NaN or infinite',
                'sql': 'select * from ' ~ relation ~ ' where ' ~ text ~ " like '%nan%' or " ~ text ~ " like '%inf%'"}) -%}
        {%- endif -%}
    {%- endfor -%}
    {{- return(checks) -}}
{% endmacro %}
