{#
  An entity: its key column(s), `first_seen_at`, and `gone_at` (null while it is there), one row per life. What was once
  part of a run that counts is remembered: an entity that its source forgets is gone from the run that noticed it,
  and one that comes back begins a new life. A run that never counted leaves no trace. --empty writes nothing.

  `asof_seen_in_run` and `asof_forgotten_in_run` are bookkeeping for that rule. The table is emptied and filled in place, so
  that views on it survive on engines that would drop them with it.
#}
{% materialization entity, default %}
    {%- do asof.check_entity_sql(model, compiled_code) -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set keys = asof.entity_keys(model) -%}
    {%- set declared = 'asof_declared_' ~ model.name -%}
    {%- for parent in model.depends_on.nodes if asof.role(graph.nodes.get(parent) or {}) == 'event' -%}
        {%- do asof.check_event_columns(asof.relation_of(graph.nodes[parent])) -%}
    {%- endfor -%}
    {%- set columns, problems = [], [] -%}
    {%- for column in get_column_schema_from_query(sql) -%}
        {%- do columns.append(column.name | lower) -%}
        {%- if column.name | lower in asof.times_of('entity') -%}
            {%- do problems.append(asof.problem_of_time(model.original_file_path, column.name | lower, model.name, column.dtype)) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do asof.refuse_all(problems) -%}
    {%- for column in keys + ['first_seen_at'] if column not in columns -%}
        {{- asof.refuse(model.original_file_path ~ ': the entity ' ~ model.name ~ ' must return ' ~ column ~ '; it returns ' ~ columns | join(', ') ~ '.') -}}
    {%- endfor -%}
    {%- for column in columns if column not in keys + ['first_seen_at', 'gone_at'] -%}
        {{- asof.refuse(model.original_file_path ~ ': the entity ' ~ model.name ~ ' returns ' ~ column ~ ', which is neither a key named in its YAML nor a time of '
            ~ 'knowing. Attributes change, and so are features: put it in a feature group.') -}}
    {%- endfor -%}

    {{ run_hooks(pre_hooks) }}
    {%- set time = asof.type_timestamptz() -%}
    {%- if flags.EMPTY or flags.SAMPLE -%}
        {%- if existing is none -%}
            {%- call statement('empty', auto_begin=true) -%}
                create table {{ target_relation }} as {{ asof.entity_select(keys, sql, 'gone_at' in columns) }} where false
            {%- endcall -%}
        {%- endif -%}
    {%- else -%}
        {%- call statement('declare', auto_begin=true) -%}
            create temporary table {{ declared }} as {{ asof.entity_select(keys, sql, 'gone_at' in columns) }}
        {%- endcall -%}
        {%- if existing is none -%}
            {%- call statement('create') -%} create table {{ target_relation }} as select * from {{ declared }} where false {%- endcall -%}
        {%- endif -%}
        {%- call statement('lives') -%}
            create temporary table {{ declared }}_lives as {{ asof.entity_lives_sql(keys, declared, target_relation) }}
        {%- endcall -%}
        {%- call statement('clear') -%} delete from {{ target_relation }} {%- endcall -%}
        {%- do asof.fault_point('within_entity') -%}
        {%- call statement('fill') -%} insert into {{ target_relation }} select * from {{ declared }}_lives {%- endcall -%}
        {%- call statement('drop_lives') -%} drop table {{ declared }}_lives {%- endcall -%}
        {%- call statement('drop_declared') -%} drop table {{ declared }} {%- endcall -%}
    {%- endif -%}
    {%- do adapter.commit() -%}
    {%- do asof.fault_point('after_entity') -%}
    {%- do store_raw_result(name='main', message='ENTITY', code='ENTITY', rows_affected=-1) -%}
    {{ run_hooks(post_hooks) }}
    {%- do persist_docs(target_relation, model) -%}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{% macro entity_select(keys, sql, has_gone_at) %}
    {%- set time = asof.type_timestamptz() %}
    select
        {% for key in keys %}{{ key }}, {% endfor %}
        first_seen_at,
        cast({{ 'gone_at' if has_gone_at else 'null' }} as {{ time }}) as gone_at,
        cast('{{ asof.seen_in() }}' as varchar) as asof_seen_in_run,
        cast(null as varchar) as asof_forgotten_in_run
    from ({{ sql }}) as entity
{% endmacro %}

{# A backfill's entities count with it; a normal run's once it is published. #}
{% macro seen_in() %}
    {{- return('backfill' if asof.backfill_range() is not none else invocation_id) -}}
{% endmacro %}

{% macro entity_lives_sql(keys, declared, memory) %}
    {%- set at = asof.sql_time(asof.run_as_of()) %}
    {%- set names = keys | join(', ') %}
    with counted_run as (
        select distinct run_id from {{ asof.registry('publications') }}
        union
        select 'backfill'
    ),
    -- what counts of the table as it stands; a closing by a run that never counted is undone
    remembered as (
        select
            {{ names }},
            first_seen_at,
            case
                when asof_forgotten_in_run is null or asof_forgotten_in_run in (select run_id from counted_run) then gone_at
            end as gone_at,
            asof_seen_in_run,
            case when asof_forgotten_in_run in (select run_id from counted_run) then asof_forgotten_in_run end as asof_forgotten_in_run
        from {{ memory }}
        where asof_seen_in_run in (select run_id from counted_run)
    ),
    forgotten as (
        select {{ names }}, max(gone_at) as gone_at
        from remembered
        where asof_forgotten_in_run is not null
        group by {{ names }}
    ),
    -- the declared life that an open one goes on in, which is the first that had not ended when it began: whoever left and came back
    -- since the last run has a second one, which is new
    going_on as (
        select
            {% for key in keys %}open_life.{{ key }}, {% endfor %}
            open_life.first_seen_at,
            open_life.asof_seen_in_run,
            min(declared.first_seen_at) as asof_declared_first_seen_at
        from remembered as open_life
        inner join {{ declared }} as declared
            on {{ asof.same_keys('declared', 'open_life', keys) }}
            and (declared.gone_at is null or declared.gone_at > open_life.first_seen_at)
        where open_life.gone_at is null
        group by {% for key in keys %}open_life.{{ key }}, {% endfor %}open_life.first_seen_at, open_life.asof_seen_in_run
    ),
    present as (
        select
            {% for key in keys %}declared.{{ key }}, {% endfor %}
            coalesce(
                open_life.first_seen_at,
                case when forgotten.gone_at is not null then greatest(declared.first_seen_at, {{ at }}) end,
                declared.first_seen_at
            ) as first_seen_at,
            declared.gone_at,
            coalesce(open_life.asof_seen_in_run, declared.asof_seen_in_run) as asof_seen_in_run,
            cast(null as varchar) as asof_forgotten_in_run
        from {{ declared }} as declared
        left join going_on as open_life
            on {{ asof.same_keys('open_life', 'declared', keys) }}
            and open_life.asof_declared_first_seen_at = declared.first_seen_at
        left join forgotten
            on {{ asof.same_keys('forgotten', 'declared', keys) }}
            and declared.first_seen_at < forgotten.gone_at
        where forgotten.gone_at is null or declared.gone_at is null or declared.gone_at > forgotten.gone_at
    )
    select * from present
    union all
    select
        {% for key in keys %}remembered.{{ key }}, {% endfor %}
        remembered.first_seen_at,
        coalesce(remembered.gone_at, {{ at }}),
        remembered.asof_seen_in_run,
        case when remembered.gone_at is null then '{{ asof.seen_in() }}' else remembered.asof_forgotten_in_run end
    from remembered
    where not exists (
        select 1
        from present
        where {{ asof.same_keys('present', 'remembered', keys) }} and present.first_seen_at = remembered.first_seen_at
    )
{% endmacro %}
