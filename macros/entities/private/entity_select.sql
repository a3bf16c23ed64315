{% macro entity_select(keys, sql, has_gone_at) %}
    {%- set time = asof.type_timestamptz() %}
    select
        {% for key in keys %}{{ key }}, {% endfor %}
        first_seen_at,
        cast({{ 'gone_at' if has_gone_at else 'null' }} as {{ time }}) as gone_at,
        cast('{{ asof.seen_in() }}' as {{ dbt.type_string() }}) as asof_seen_in_run,
        cast(null as {{ dbt.type_string() }}) as asof_forgotten_in_run
    from ({{ sql }}) as entity
{% endmacro %}

{#
  A backfill's entities count with it; a normal run's once it is published. (Of an engine that hands over it is the run
  on DuckDB, which has no id yet: see asof.handed_over_lives_sql.)
#}
{% macro seen_in() %}
    {%- if not asof.holds_records() -%}{{- return('this run') -}}{%- endif -%}
    {{- return('backfill' if asof.backfill_range() is not none else invocation_id) -}}
{% endmacro %}
