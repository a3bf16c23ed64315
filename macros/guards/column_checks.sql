{#
  Checks of declared columns: meta.range, meta.categories (`other` is one of them), meta.max_null_rate, and
  finite_rules.
#}
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

{% macro null_rate_checks(relation, columns) %}
    {%- set checks = [] -%}
    {%- for column in columns if column.meta.get('max_null_rate') is not none -%}
        {%- set rate = column.meta.max_null_rate -%}
        {%- set sql -%}
            select {{ column.name }}
            from {{ relation }}
            where
                {{ column.name }} is null
                and (
                    select count(*) filter (where {{ column.name }} is null) > {{ rate }} * count(*)
                    from {{ relation }}
                )
        {%- endset -%}
        {%- do checks.append({
            'rule': column.name ~ ' is null more often than its declared max_null_rate ' ~ rate, 'sql': sql}) -%}
    {%- endfor -%}
    {{- return(checks) -}}
{% endmacro %}
