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

{# Checks of declared columns: meta.range, meta.categories (`other` is one of them), meta.max_null_rate, and finite_rules. #}
{% macro column_checks(relation, columns) %}
    {{- return(asof.value_checks(relation, asof.range_rules(columns) + asof.category_rules(columns, ['other'])
        + asof.finite_rules(columns)) + asof.null_rate_checks(relation, columns)) -}}
{% endmacro %}

{# Checks that no row breaks any of the rules: [{rule, broken}], `broken` a condition over its columns. #}
{% macro value_checks(relation, rules) %}
    {%- set checks = [] -%}
    {%- for each in rules -%}
        {%- do checks.append({'rule': each.rule, 'sql': 'select * from ' ~ relation ~ ' where ' ~ each.broken}) -%}
    {%- endfor -%}
    {{- return(checks) -}}
{% endmacro %}

{% macro range_rules(columns) %}
    {%- set rules = [] -%}
    {%- for column in columns if asof.outside_range(column, column.name) -%}
        {%- do rules.append({'rule': column.name ~ ' lies outside its declared range ' ~ column.meta.range,
            'broken': asof.outside_range(column, column.name)}) -%}
    {%- endfor -%}
    {{- return(rules) -}}
{% endmacro %}

{# also: what is no declared category and may be there. #}
{% macro category_rules(columns, also=[]) %}
    {%- set rules = [] -%}
    {%- for column in columns if column.meta.get('categories') -%}
        {%- do rules.append({'rule': column.name ~ ' is none of its declared categories',
            'broken': asof.outside_categories(column, column.name, also)}) -%}
    {%- endfor -%}
    {{- return(rules) -}}
{% endmacro %}

{# What no answer can hold, and no history (see asof.is_infinite). #}
{% macro finite_rules(columns) %}
    {%- set rules = [] -%}
    {%- for column in columns if asof.is_infinite(column.name, column.type) -%}
        {%- set what = 'NaN or infinite' if column.type.startswith(('float', 'double')) else 'infinite, or not in the years 1 to 9999 (null says that there is none)' -%}
        {%- do rules.append({'rule': column.name ~ ' is ' ~ what, 'broken': asof.is_infinite(column.name, column.type)}) -%}
    {%- endfor -%}
    {{- return(rules) -}}
{% endmacro %}

{% macro null_rate_checks(relation, columns) %}
    {%- set checks = [] -%}
    {%- for column in columns if column.meta.get('max_null_rate') is not none -%}
        {%- set is_null = column.name ~ ' is null' -%}
        {%- set too_many = 'count(*) filter (where ' ~ is_null ~ ') > ' ~ column.meta.max_null_rate ~ ' * count(*)' -%}
        {%- do checks.append({
            'rule': column.name ~ ' is null more often than its declared max_null_rate ' ~ column.meta.max_null_rate,
            'sql': 'select ' ~ column.name ~ ' from ' ~ relation ~ ' where ' ~ is_null ~ ' and (select ' ~ too_many
                ~ ' from ' ~ relation ~ ')'}) -%}
    {%- endfor -%}
    {{- return(checks) -}}
{% endmacro %}
