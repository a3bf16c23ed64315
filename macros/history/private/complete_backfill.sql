{#
  Ends a backfill: only now do its rows count, all at once. Refuses if the group began to count meanwhile; closes what
  it leaves alive and the existing rows don't know, with a tombstone at the first counted moment.
#}
{% macro complete_backfill(spec, plan) %}
    {%- set counted = asof.counted_span(spec.id) -%}
    {%- set sql -%}
        select count(*)
        from {{ asof.registry('backfills') }}
        where backfill_id = '{{ plan.run_id }}' and completed_at is not null
    {%- endset -%}
    {%- set already = run_query(sql).rows[0][0] -%}
    {%- if already -%}{{- return(none) -}}{%- endif -%}
    {%- do asof.refuse_backfill_after_counted(spec, counted, asof.backfill_range()) -%}
    {%- set key_names = spec['keys'] | map(attribute='name') | list -%}
    {%- do asof.fault_point('before_completion') -%}
    {%- if counted.moments > 0 -%}
        {%- call statement('close', auto_begin=true) -%}
            insert into {{ spec.history }} ({{ (key_names + ['as_of', 'run_id', 'is_tombstone']) | join(', ') }})
            select {{ key_names | join(', ') }}, {{ asof.sql_time(counted.first) }}, '{{ plan.run_id }}', true
            from (
                select
                    history.*,
                    row_number() over (partition by {{ key_names | join(', ') }} order by as_of desc) as asof_recency
                from {{ spec.history }} as history
                where run_id = '{{ plan.run_id }}'
            ) as last_row
            where
                asof_recency = 1
                and not is_tombstone
                and not exists (
                    select 1
                    from {{ spec.history }} as known
                    where
                        {{ asof.same_keys('known', 'last_row', key_names) }}
                        and known.as_of = {{ asof.sql_time(counted.first) }}
                        and known.run_id in (
                            select run_id
                            from {{ asof.registry('counted_moments') }}
                            where group_id = '{{ spec.id }}'
                        )
                )
        {%- endcall -%}
    {%- endif -%}
    {%- do asof.fault_point('within_completion') -%}
    {%- call statement('complete', auto_begin=true) -%}
        update {{ asof.registry('backfills') }} set completed_at = {{ asof.sql_time(asof.wall_clock()) }}
        where backfill_id = '{{ plan.run_id }}'
    {%- endcall -%}
    {%- do adapter.commit() -%}
    {%- do asof.fault_point('after_completion') -%}
    {%- do asof.say(spec.id ~ ': the backfill is complete and counts.') -%}
{% endmacro %}
