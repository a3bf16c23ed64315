{#
  The whole of an online model, `models/online/<group>_v<n>_latest.sql`: the newest row per entity, over the rows that
  count and those of the current run. Entities that are gone are not in it.
#}
{% macro latest() %}
    {{- config(materialized='materialized_view', on_configuration_change='apply') -}}
    {%- set group = asof.parse_model_name(model.name, 'latest') -%}
    {%- set history = ref(group.base ~ '_history') -%}
    {%- if execute -%}
        {%- set spec = asof.group_spec(group.name, group.version) -%}
        {%- set columns = (spec['keys'] + [{'name': 'as_of'}] + spec['features']) | map(attribute='name') | list -%}
    select
        {{ columns | join(',\n        ') }}
    from (
        select
            history.*,
            row_number() over (
            partition by {{ spec['keys'] | map(attribute='name') | join(', ') }} order by as_of desc) as asof_recency
        from {{ history }} as history
        where
            run_id in (
                select run_id from {{ asof.registry('counted_moments') }} where group_id = '{{ spec.id }}'
            )
            or run_id = (
                select max(run_id) from {{ asof.registry('runs') }}
                where run_number = (
                    select max(run_number) from {{ asof.registry('runs') }} where command in ('run', 'build')
                )
            )
    ) as newest
    where asof_recency = 1 and not is_tombstone
    {%- endif -%}
{% endmacro %}
