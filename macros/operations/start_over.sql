{#
  `dbt run-operation start_over --args '{group: shipment@1}'`: forgets the history of a group that was never
  published (a formula still being worked on). A published group is refused.
#}
{% macro start_over(group) %}
    {%- if not execute -%}{{- return('') -}}{%- endif -%}
    {%- do asof.open_records() -%}
    {%- set name, version = (group ~ '@').split('@')[:2] -%}
    {%- set spec = asof.group_spec(name, version) -%}
    {%- set sql -%}
        select count(*)
        from {{ asof.registry('publications') }}
        where group_id = '{{ spec.id }}'
    {%- endset -%}
    {%- set publications = run_query(sql).rows[0][0] -%}
    {%- if publications -%}
        {{- asof.refuse(spec.id ~ ' was published ' ~ publications ~ ' times; what was served stays recorded. '
            ~ 'Write the new meaning as version ' ~ (spec.version + 1) ~ '.') -}}
    {%- endif -%}
    {%- set drops = ['drop table if exists ' ~ spec.history] -%}
    {%- for table in ['moments', 'known_rows', 'due_rows', 'backfills'] -%}
        {%- do drops.append('delete from ' ~ asof.registry(table) ~ " where group_id = '" ~ spec.id ~ "'") -%}
    {%- endfor -%}
    {%- do asof.run_together(drops) -%}
    {%- do asof.say(spec.id ~ ' starts over: its history is empty.') -%}
{% endmacro %}
