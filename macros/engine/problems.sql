{#
  The shape all composite tests share: one row per rule that is broken, with how many rows break it and one of them.
  checks: a list of {rule, sql}, each sql returning the offending rows.
#}
{% macro problems(checks) %}
    {%- for check in checks %}
    select
        '{{ check.rule | replace("'", "''") }}' as problem,
        count(*) as row_count,
        cast(min({{ asof.row_text('asof_offending') }}) as {{ dbt.type_string() }}) as for_example
    from (
        {{ check.sql }}
    ) as asof_offending
    having count(*) > 0
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
    {%- if not checks %}
    select 'none' as problem, 0 as row_count, cast(null as {{ dbt.type_string() }}) as for_example where false
    {%- endif %}
{% endmacro %}

{# Refuses what any of the checks finds, naming how many rows and one of them. #}
{% macro refuse_problems(checks, what) %}
    {%- set found = [] -%}
    {%- for row in run_query(asof.problems(checks)).rows -%}
        {%- do found.append(row[0] ~ ' (' ~ row[1] ~ (' rows' if row[1] | int > 1 else ' row') ~ ', for example '
            ~ row[2] ~ ')') -%}
    {%- endfor -%}
    {%- if found -%}{{- asof.refuse(what ~ ': ' ~ found | join('; ') ~ '.') -}}{%- endif -%}
{% endmacro %}
