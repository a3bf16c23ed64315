{# What a feature looked like when it was published: {rows, nulls, min, max, mean}, as text where not a number. #}
{% macro column_profile(relation, column) %}
    {%- set name, type = column.name, column.type -%}
    {%- set digits = modules.re.match('^decimal\((\d+),', type) -%}
    {%- set mean = 'null' -%}
    {%- if type in ['tinyint', 'smallint', 'integer', 'bigint'] or (digits and digits.group(1) | int <= 18
        and not type.endswith('[]')) -%}
        {%- set mean = 'avg(' ~ name ~ ')' -%}
    {%- elif type in ['float', 'double'] or (digits and not type.endswith('[]')) -%}
        {#-
          in an order, since sums of floats depend on it; sums of long decimals have more digits than a decimal
          has
        -#}
        {%- set mean = 'avg(cast(' ~ name ~ ' as double) order by ' ~ name ~ ')' -%}
    {%- endif -%}
    {%- set sql -%}
        select count(*), count(*) - count({{ name }}),
            cast(min({{ name }}) as varchar), cast(max({{ name }}) as varchar),
            {{ mean }}
        from {{ relation }}
    {%- endset -%}
    {%- set row = run_query(sql).rows[0] -%}
    {{- return({'rows': row[0] | int, 'nulls': row[1] | int, 'min': row[2], 'max': row[3], 'mean': row[4] | float
        if row[4] is not none else none}) -}}
{% endmacro %}
