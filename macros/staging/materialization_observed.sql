{#
  An observed model, in models/staging: the past of a table that holds only the present. Its SQL selects the key(s)
  and the attributes from that table; each run appends a row for every key that appeared, changed or disappeared since
  the last capture.

      {{ "{{ config(materialized='observed', unique_key='customer_id') }}" }}
      select customer_id, tier, country from {{ "{{ source('crm', 'customers') }}" }}

  It adds `event_id`, `occurred_at` = `known_at` = the run's now (whatever happened in between was not seen), and
  `is_deleted` (the attributes are null then). Append-only, in one transaction; --full-refresh keeps the past, since
  nothing could bring it back. --empty, --sample and backfills capture nothing.
  Run again under the same now, a capture is replaced by what the source holds now, unless a moment that counts
  saw it already.
  Errors: a key that is null or there twice; columns that are no longer those of the rows captured.
#}
{% materialization observed, default %}
    {%- set spec = asof.observed_spec(sql) -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type='table') -%}

    {{ run_hooks(pre_hooks) }}
    {%- if existing is not none and existing.type == 'view' -%}
        {%- do adapter.drop_relation(existing) -%}
    {%- elif existing is not none -%}
        {%- do asof.refuse_changed_observation(spec, target_relation) -%}
    {%- endif -%}
    {%- do run_query('create table if not exists ' ~ target_relation ~ ' (' ~ asof.observed_columns(spec) | join(', ') ~ ')') -%}
    {%- if flags.EMPTY or flags.SAMPLE or asof.backfill_range() is not none -%}
        {%- do asof.say(model.name ~ ': nothing is captured under --empty, --sample or a backfill.') -%}
        {%- set captured = [0, 0, 0] -%}
    {%- else -%}
        {%- set captured = asof.capture(spec, target_relation, sql) -%}
    {%- endif -%}

    {%- do store_raw_result(name='main', message='OBSERVED ' ~ captured[0] ~ ' appeared, ' ~ captured[1] ~ ' changed, ' ~ captured[2] ~ ' disappeared',
        code='OBSERVED', rows_affected=captured | sum) -%}
    {{ run_hooks(post_hooks) }}
    {%- do persist_docs(target_relation, model) -%}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{# {keys, columns}: the key names of an observed model, and all that its SQL returns as {name, type}. #}
{% macro observed_spec(sql) %}
    {%- set where = model.original_file_path ~ ': the observed model ' ~ model.name -%}
    {%- set unique_key = config.get('unique_key') or [] -%}
    {%- set keys = [unique_key] if unique_key is string else unique_key -%}
    {%- set columns = [] -%}
    {%- for column in get_column_schema_from_query(sql) -%}{%- do columns.append({'name': column.name | lower, 'type': column.data_type}) -%}{%- endfor -%}
    {%- set names = columns | map(attribute='name') | list -%}
    {%- if not keys or keys | reject('in', names) | list -%}
        {{- asof.refuse(where ~ ' must name its key(s) among the columns it returns, as in {{ config(materialized=\'observed\', unique_key=\'customer_id\') }}. unique_key is '
            ~ (keys | join(', ') or 'not set') ~ '; it returns ' ~ names | join(', ') ~ '.') -}}
    {%- endif -%}
    {%- set reserved, words, problems = asof.reserved_names('observed'), asof.reserved_words(), [] -%}
    {%- for name in names -%}
        {%- do problems.append(asof.problem_of_name(model.original_file_path, 'the observed model ' ~ model.name ~ ', the column', name,
            reserved, words)) -%}
    {%- endfor -%}
    {%- do asof.refuse_all(problems) -%}
    {{- return({'keys': keys, 'columns': columns}) -}}
{% endmacro %}

{# The columns of the table as DDL: `name type`. #}
{% macro observed_columns(spec) %}
    {%- set time = asof.type_timestamptz() -%}
    {%- set ddl = ['event_id varchar not null', 'occurred_at ' ~ time ~ ' not null', 'known_at ' ~ time ~ ' not null'] -%}
    {%- for column in spec.columns -%}{%- do ddl.append(column.name ~ ' ' ~ column.type ~ (' not null' if column.name in spec['keys'] else '')) -%}{%- endfor -%}
    {{- return(ddl + ['is_deleted boolean not null']) -}}
{% endmacro %}

{# Refuses SQL whose columns or types are not those captured before; without rows the table is made anew. #}
{% macro refuse_changed_observation(spec, relation) %}
    {%- set captured, returned = {}, {} -%}
    {%- for column in get_column_schema_from_query('select * from ' ~ relation) -%}{%- do captured.update({column.name | lower: column.data_type}) -%}{%- endfor -%}
    {%- for name in ['event_id', 'occurred_at', 'known_at', 'is_deleted'] -%}{%- do returned.update({name: captured.get(name)}) -%}{%- endfor -%}
    {%- for column in spec.columns -%}{%- do returned.update({column.name: column.type}) -%}{%- endfor -%}
    {%- if captured == returned -%}{{- return(none) -}}{%- endif -%}
    {%- set rows = run_query('select count(*) from ' ~ relation).rows[0][0] -%}
    {%- if rows == 0 -%}
        {%- do adapter.drop_relation(relation) -%}
        {{- return(none) -}}
    {%- endif -%}
    {%- set changes = [] -%}
    {%- for name in captured if name not in returned -%}{%- do changes.append(name ~ ' is gone') -%}{%- endfor -%}
    {%- for name, type in returned.items() if captured.get(name) != type -%}
        {%- do changes.append(name ~ (' is ' ~ type ~ ' and was ' ~ captured[name] if name in captured else ' is new')) -%}
    {%- endfor -%}
    {{- asof.refuse(model.original_file_path ~ ': the columns of ' ~ model.name ~ ' are no longer those of the ' ~ rows ~ ' rows it captured: ' ~ changes | join(', ')
        ~ '. What was captured cannot be captured again. Put the columns back (cast a changed type), or write a second observed model with the new columns beside '
        ~ 'this one: its history begins with its first run. To give up what was captured, drop the table ' ~ relation ~ ' yourself.') -}}
{% endmacro %}

{# Appends what changed since the last capture before now, in one transaction; returns how many keys appeared, changed, disappeared. #}
{% macro capture(spec, relation, sql) %}
    {%- set now = asof.sql_time(asof.now()) -%}
    {%- set current, changes = 'asof_current_' ~ model.name, 'asof_changes_' ~ model.name -%}
    {%- set counts = run_query('select count(*) from ' ~ asof.registry('counted_moments') ~ ' where as_of >= ' ~ now).rows[0][0] > 0 -%}
    {%- set before = run_query('select count(*) filter (where known_at < ' ~ now ~ '), count(*) filter (where known_at > ' ~ now ~ ') from ' ~ relation).rows[0] -%}
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
        {{- asof.refuse(model.original_file_path ~ ': the source of the observed model ' ~ model.name ~ ' has ' ~ twice ~ ' keys (' ~ spec['keys'] | join(', ')
            ~ ') more than once, and ' ~ nulls ~ ' rows without a key. It must hold one row per key: mend the source, or name all of its key columns in unique_key. '
            ~ 'Nothing was captured.') -}}
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
            {%- do asof.say(model.name ~ ': its source changed, but ' ~ asof.now() ~ (' already counts' if counts else ' lies before its newest capture')
                ~ ': nothing is captured. What was known then stays; the next run at a later moment captures it.') -%}
        {%- endif -%}
        {%- set captured = [0, 0, 0] -%}
    {%- else -%}
        {%- call statement('replace') -%} delete from {{ relation }} where known_at = {{ now }} {%- endcall -%}
        {%- do asof.fault_point('within_capture') -%}
        {%- set names = spec.columns | map(attribute='name') | join(', ') -%}
        {%- call statement('append') -%}
            insert into {{ relation }} (event_id, occurred_at, known_at, {{ names }}, is_deleted)
            select
                '{{ asof.rfc3339(asof.now()) }}-' || cast(row_number() over (order by {{ spec['keys'] | join(', ') }}) as varchar),
                {{ now }}, {{ now }}, {{ names }}, is_deleted
            from {{ changes }}
        {%- endcall -%}
        {%- if before[0] == 0 and captured | sum > 0 -%}
            {%- do asof.say(model.name ~ ': first capture, ' ~ captured[0] ~ ' rows. Its history begins at ' ~ asof.now() ~ '; what the source held before is not known.') -%}
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

{# What differs between the source as it stands and the last version captured of each key, up to now or (closed) including it. #}
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
