{#
  The as-served rule for one group, turned round: not what was served at a time, but from when to when each row was.
  The group is in one state after the other (a publication or backfilled moment comes into force, grows stale); where
  the state changes, so does what is served of the entities with rows between its moment and the one before, or, with
  its status, of all. Rollbacks are states like others.
#}
{% macro served_history_sql(spec, links) %}
    {%- set key_names = spec['keys'] | map(attribute='name') | list -%}
    {%- set keys = key_names | join(', ') -%}
    {%- set publications = asof.registry('publications') -%}
    {%- set counted = '(select * from ' ~ asof.registry('counted_moments') ~ " where group_id = '" ~ spec.id ~ "')" -%}
    {%- set never, begin = asof.sql_time('infinity'), asof.sql_time('-infinity') -%}
    {%- set microsecond = "interval '1 microsecond'" -%}
    with history as (
        select * from {{ spec.history }} where run_id in (select run_id from {{ counted }} as counted)
    ),
    first_live as (
        select coalesce(min(published_at), {{ never }}) as published_at
        from {{ publications }} where group_id = '{{ spec.id }}'
    ),
    backfilled as ({{ asof.backfilled_moments_sql(spec.id) }}
    ),
    in_force as (
        select published_at as since, as_of, max_age_seconds
        from backfilled
        where published_at < (select published_at from first_live)
        union all
        -- from its first publication on, one that does not hold the group, or whose rows were lost,
        -- serves nothing of it
        select publication.published_at, live.as_of, live.max_age_seconds
        from (select distinct sequence_number, published_at from {{ publications }}) as publication
        left join {{ publications }} as live
        on live.sequence_number = publication.sequence_number and live.group_id = '{{ spec.id }}'
        where publication.published_at >= (select published_at from first_live)
    ),
    timed as (
        select
            since,
            coalesce(lead(since) over (order by since), {{ asof.sql_time(asof.now()) }} + {{ microsecond }}) as until,
            as_of,
            as_of + max_age_seconds * interval '1 second' as fresh_until
        from in_force
    ),
    state as (
        select since, as_of,
        case when as_of is null then 'NO_SNAPSHOT' when since > fresh_until then 'STALE' else 'OK' end as status
        from timed
        union all
        select fresh_until + {{ microsecond }}, as_of, 'STALE'
        from timed
        where since <= fresh_until and fresh_until + {{ microsecond }} < until
    ),
    change as (
        select
            since,
            as_of,
            status,
            coalesce(
                case when status = lag(status) over (order by since)
                then least(as_of, lag(as_of) over (order by since)) end,
                {{ begin }}
            ) as above,
            greatest(as_of, lag(as_of) over (order by since)) as up_to
        from state
    ),
    touched as (
        select distinct {% for key in key_names %}history.{{ key }}, {% endfor %}change.since as asof_since,
        change.as_of, change.status as asof_status
        from change
        inner join history on history.as_of > change.above and history.as_of <= change.up_to
    ),
    served as (
        select
            {% for key in key_names %}touched.{{ key }}, {% endfor %}
            touched.asof_since,
            case
                when touched.as_of is null then touched.asof_status
                when coalesce(history.is_tombstone, true) then 'NOT_FOUND'
                else touched.asof_status
            end as asof_status,
            history.as_of,
            history.run_id
            {%- for feature in spec.features %},
            history.{{ feature.name }}
            {%- endfor %}
        from touched
        {%- set on = [] -%}
        {%- for key in key_names -%}{%- do on.append('history.' ~ key ~ ' = touched.' ~ key) -%}{%- endfor %}
        {{ asof.asof_left_join('history', 'history', 'touched.as_of', 'history.as_of', on) }}
        union all
        -- an entity that is not known yet has a row that says so: Feast's file store leaves out who has later rows only
        select
            {{ keys }},
            {{ asof.sql_time('1970-01-01 00:00:00+00:00') }},
            'NOT_FOUND',
            null,
            null
            {%- for feature in spec.features %},
            null
            {%- endfor %}
        from (select distinct {{ keys }} from history) as entity
    ),
    compared as (
        select
            *,
            lag(asof_status) over (partition by {{ keys }} order by asof_since) as asof_status_before,
            lag(as_of) over (partition by {{ keys }} order by asof_since) as asof_as_of_before
        from served
    )
    select
        {%- for key in spec['keys'] %}
        {{ asof.exported(key) }} as {{ key.name }},
        {%- endfor %}
        {%- for feature in spec.features %}
        case when compared.asof_status {{ "in ('OK', 'STALE')" if feature.name in links else "= 'OK'" }}
            then {{ asof.exported(feature) }} end as {{ feature.name }},
        {%- endfor %}
        compared.asof_status as {{ spec.name }}_status,
        compared.asof_since as asof_served_from,
        coalesce(case when compared.asof_status in ('OK', 'STALE') then moment.finished_at end,
            compared.asof_since) as asof_recorded_at
    from compared
    left join {{ counted }} as moment on moment.run_id = compared.run_id and moment.as_of = compared.as_of
    where
        compared.asof_status_before is null
        or compared.asof_status <> compared.asof_status_before
        or (compared.asof_status in ('OK', 'STALE') and compared.as_of is distinct from compared.asof_as_of_before)
    order by {% for key in key_names %}compared.{{ key }}, {% endfor %}compared.asof_since
{% endmacro %}

{# A column of `compared` as the export has it: of a type that its readers know. #}
{% macro exported(column) %}
    {%- set type = {'date[]': asof.type_timestamptz() ~ '[]', 'uuid': 'varchar',
        'uuid[]': 'varchar[]'}.get(column.type) -%}
    {{- return('cast(compared.' ~ column.name ~ ' as ' ~ type ~ ')' if type else 'compared.' ~ column.name) -}}
{% endmacro %}

{# The columns of a group through which services look another one up: needed while it is STALE, too. #}
{% macro link_columns(manifest, group_id) %}
    {%- set found = [] -%}
    {%- for service in manifest.services.values() -%}
        {%- set names = {} -%}
        {%- for group in service.groups -%}{%- do names.update({group.name: group.group}) -%}{%- endfor -%}
        {%- for group in service.groups if group.via and names[group.via.group] == group_id -%}
            {%- do found.append(group.via.column) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{- return(found) -}}
{% endmacro %}
