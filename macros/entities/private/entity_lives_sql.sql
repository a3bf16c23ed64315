{% macro entity_lives_sql(keys, declared, memory) %}
    {%- set at = asof.sql_time(asof.run_as_of()) %}
    {%- set names = keys | join(', ') %}
    with counted_run as (
        select distinct run_id
        from {{ asof.registry('counted_moments') }}
        where kind = 'build' and coalesce(entity, '{{ model.name }}') = '{{ model.name }}'
        union
        select 'backfill'
    ),
    -- what counts of the table as it stands; a closing by a run that never counted is undone
    remembered as (
        select
            {{ names }},
            first_seen_at,
            case
                when asof_forgotten_in_run is null
                    or asof_forgotten_in_run in (select run_id from counted_run) then gone_at
            end as gone_at,
            asof_seen_in_run,
            case when asof_forgotten_in_run in (select run_id from counted_run) then asof_forgotten_in_run end
                as asof_forgotten_in_run
        from {{ memory }}
        where asof_seen_in_run in (select run_id from counted_run)
    )
    {%- if asof.is_counted_moment_of(model.name) %}
    -- what was known at this moment counts already: nothing new is noticed
    select * from remembered
    {%- else %},
    forgotten as (
        select {{ names }}, max(gone_at) as gone_at
        from remembered
        where asof_forgotten_in_run is not null
        group by {{ names }}
    ),
    -- the declared life that an open one goes on in, which is the first that had not ended when it began:
    -- whoever left and came back
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
        group by {% for key in keys %}open_life.{{ key }}, {% endfor %}
            open_life.first_seen_at, open_life.asof_seen_in_run
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
    {%- endif %}
{% endmacro %}

{#
  Whether the moment of this run is not newer than one that counts for a group of an entity. Noticed then, an
  appearance or a departure would change points that were recorded.
#}
{% macro is_counted_moment_of(entity) %}
    {%- if asof.backfill_range() is not none -%}{{- return(false) -}}{%- endif -%}
    {%- set sql %}
        select count(*)
        from {{ asof.registry('counted_moments') }}
        where entity = '{{ entity }}' and as_of >= {{ asof.sql_time(asof.run_as_of()) }}
    {%- endset -%}
    {{- return(run_query(sql).rows[0][0] > 0) -}}
{% endmacro %}
