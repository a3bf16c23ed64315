{#
  Appends what changed since the last capture before now, in one transaction; returns how many keys appeared,
  changed, disappeared.
#}
{% macro capture(spec, relation, sql) %}
    {%- set now = asof.sql_time(asof.now()) -%}
    {%- set current, changes = 'asof_current_' ~ model.name, 'asof_changes_' ~ model.name -%}
    {%- set counted_sql -%}
        select count(*)
        from {{ asof.registry('counted_moments') }}
        where as_of >= {{ now }}
    {%- endset -%}
    {%- set counts = run_query(counted_sql).rows[0][0] > 0 -%}
    {%- set before_sql -%}
        select count(*) filter (where known_at < {{ now }}), count(*) filter (where known_at > {{ now }})
        from {{ relation }}
    {%- endset -%}
    {%- set before = run_query(before_sql).rows[0] -%}
    {%- set closed = counts or before[1] > 0 -%}
    {%- call statement('read', fetch_result=true, auto_begin=true) -%}
        create temporary table {{ current }} as
        select * from (
            {{ sql }}
        ) as source;
        {{ asof.unusable_keys_sql(spec, current) }}
    {%- endcall -%}
    {%- set nulls, twice = load_result('read').table.rows[0].values() -%}
    {%- if nulls or twice -%}
        {{- asof.refuse(model.original_file_path ~ ': the source of the observed model ' ~ model.name ~ ' has '
            ~ twice ~ ' keys (' ~ spec['keys'] | join(', ') ~ ') more than once, and ' ~ nulls
            ~ ' rows without a key. It must hold one row per key: mend the source, or name all of its key columns '
            ~ 'in unique_key. Nothing was captured.') -}}
    {%- endif -%}
    {%- call statement('compare', fetch_result=true) -%}
        create temporary table {{ changes }} as
        {{ asof.changes_sql(spec, relation, current, now, closed) }};
        select
            count(*) filter (where asof_is_new),
            count(*) filter (where not asof_is_new and not is_deleted),
            count(*) filter (where is_deleted)
        from {{ changes }}
    {%- endcall -%}
    {%- set captured = load_result('compare').table.rows[0].values() | list -%}
    {%- if closed -%}
        {%- if captured | sum > 0 -%}
            {%- do asof.say(model.name ~ ': its source changed, but ' ~ asof.now() ~ (' already counts' if counts
                else ' lies before its newest capture') ~ ': nothing is captured. What was known then stays; the '
                    ~ 'next run at a later moment captures it.') -%}
        {%- endif -%}
        {%- set captured = [0, 0, 0] -%}
    {%- else -%}
        {%- call statement('replace') -%} delete from {{ relation }} where known_at = {{ now }} {%- endcall -%}
        {%- do asof.fault_point('within_capture') -%}
        {%- set names = spec.columns | map(attribute='name') | join(', ') -%}
        {%- call statement('append') -%}
            insert into {{ relation }} (event_id, occurred_at, known_at, {{ names }}, is_deleted)
            select
                '{{ asof.rfc3339(asof.now()) }}-'
                    || cast(row_number() over (order by {{ spec['keys'] | join(', ') }}) as varchar),
                {{ now }}, {{ now }}, {{ names }}, is_deleted
            from {{ changes }}
        {%- endcall -%}
        {%- if before[0] == 0 and captured | sum > 0 -%}
            {%- do asof.say(model.name ~ ': first capture, ' ~ captured[0] ~ ' rows. Its history begins at '
                ~ asof.now() ~ '; what the source held before is not known.') -%}
        {%- endif -%}
    {%- endif -%}
    {%- call statement('drop_temporary') -%} drop table {{ changes }}; drop table {{ current }} {%- endcall -%}
    {%- do adapter.commit() -%}
    {{- return(captured) -}}
{% endmacro %}

{# One row: how many rows have no key, and how many keys are there more than once. #}
{% macro unusable_keys_sql(spec, current) -%}
    select
        coalesce(sum(asof_row_count) filter (where {{ spec['keys'] | join(' is null or ') }} is null), 0),
        count(*) filter (where asof_row_count > 1 and {{ spec['keys'] | join(' is not null and ') }} is not null)
    from (
        select {{ spec['keys'] | join(', ') }}, count(*) as asof_row_count
        from {{ current }}
        group by {{ spec['keys'] | join(', ') }}
    ) as per_key
{%- endmacro %}

{#
  What differs between the source as it stands and the last version captured of each key, up to now or (closed)
  including it.
#}
{% macro changes_sql(spec, relation, current, now, closed) -%}
    {%- set keys = spec['keys'] -%}
    with last_version as (
        select *
        from (
            select
                version.*,
                row_number() over (partition by {{ keys | join(', ') }} order by known_at desc) as asof_recency
            from {{ relation }} as version
            {%- if not closed %}
            where known_at < {{ now }}
            {%- endif %}
        ) as ranked
        where asof_recency = 1 and not is_deleted
    )
    select now_.*, false as is_deleted, last_version.{{ keys[0] }} is null as asof_is_new
    from {{ current }} as now_
    left join last_version on {{ asof.same_keys('last_version', 'now_', keys) }}
    where
        last_version.{{ keys[0] }} is null
        {%- for column in spec.columns if column.name not in keys %}
        or now_.{{ column.name }} is distinct from last_version.{{ column.name }}
        {%- endfor %}
    union all
    select
        {%- for column in spec.columns %}
        {{ 'last_version.' ~ column.name if column.name in keys else 'cast(null as ' ~ column.type ~ ')' }},
        {%- endfor %}
        true,
        false
    from last_version
    left join {{ current }} as now_ on {{ asof.same_keys('now_', 'last_version', keys) }}
    where now_.{{ keys[0] }} is null
{%- endmacro %}
