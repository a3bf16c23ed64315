{#
  The lives of an entity after this run: those that counted before it (`remembered`, a query), gone on with by what is
  declared now. Portable SQL: an engine that hands over evaluates it too. at: the moment of the run, as SQL.
  nothing_new: a condition; where it is true the moment counts already, and nothing new is noticed.
#}
{% macro entity_lives_sql(keys, declared, remembered, at, nothing_new) %}
    {%- set names = keys | join(', ') %}
    with remembered as (
        {{ remembered }}
    ),
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
            cast(null as {{ dbt.type_string() }}) as asof_forgotten_in_run
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
    where not ({{ nothing_new }})
    union all
    select
        {% for key in keys %}remembered.{{ key }}, {% endfor %}
        remembered.first_seen_at,
        case when {{ nothing_new }} then remembered.gone_at else coalesce(remembered.gone_at, {{ at }}) end,
        remembered.asof_seen_in_run,
        case
            when remembered.gone_at is null and not ({{ nothing_new }}) then '{{ asof.seen_in() }}'
            else remembered.asof_forgotten_in_run
        end
    from remembered
    where
        {{ nothing_new }}
        or not exists (
            select 1
            from present
            where
                {{ asof.same_keys('present', 'remembered', keys) }}
                and present.first_seen_at = remembered.first_seen_at
        )
{% endmacro %}

{#
  What entity_lives_sql goes on from, {remembered, at, nothing_new}: on DuckDB from the table as it stands and the
  records; on an engine that hands over from what `asof build` put there of them.
#}
{% macro lives_before(keys, table) %}
    {%- if not asof.holds_records() -%}
        {%- set run = 'from ' ~ asof.beside('asof_run') ~ " where entity = '" ~ model.name ~ "'" -%}
        {{- return({'remembered': 'select * from ' ~ asof.beside('asof_lives_' ~ model.name),
            'at': '(select at ' ~ run ~ ')', 'nothing_new': '(select is_counted ' ~ run ~ ')'}) -}}
    {%- endif -%}
    {{- return({'remembered': asof.remembered_lives_sql(keys, model.name, table),
        'at': asof.sql_time(asof.run_as_of()),
        'nothing_new': 'true' if asof.is_counted_moment_of(model.name) else 'false'}) -}}
{% endmacro %}

{# A relation in the schema of the model that is built. #}
{% macro beside(name) %}
    {{- return(api.Relation.create(database=model.database or none, schema=model.schema, identifier=name)) -}}
{% endmacro %}

{# What counts of an entity's table as it stands; a closing by a run that never counted is undone. #}
{% macro remembered_lives_sql(keys, entity, table) %}
    {%- set counted_runs -%}
        select run_id
        from {{ asof.registry('counted_moments') }}
        where kind = 'build' and coalesce(entity, '{{ entity }}') = '{{ entity }}'
        union
        select 'backfill'
    {%- endset %}
    select
        {{ keys | join(', ') }},
        first_seen_at,
        case
            when asof_forgotten_in_run is null or asof_forgotten_in_run in ({{ counted_runs }}) then gone_at
        end as gone_at,
        asof_seen_in_run,
        case when asof_forgotten_in_run in ({{ counted_runs }}) then asof_forgotten_in_run end as asof_forgotten_in_run
    from {{ table }}
    where asof_seen_in_run in ({{ counted_runs }})
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

{# The lives that another engine handed over of an entity, in the name of this run; none where there is no hand-over. #}
{% macro handed_over_lives_sql(node) %}
    {%- set rows = asof.handed_over_sql(node) -%}
    {%- if rows is none -%}{{- return(none) -}}{%- endif -%}
    {%- set named = [] -%}
    {%- for name in ['asof_seen_in_run', 'asof_forgotten_in_run'] -%}
        {%- do named.append('case ' ~ name ~ " when 'this run' then " ~ asof.literal(asof.seen_in()) ~ ' else '
            ~ name ~ ' end as ' ~ name) -%}
    {%- endfor -%}
    {{- return('select * replace (' ~ named | join(', ') ~ ') from (' ~ rows ~ ')') -}}
{% endmacro %}
