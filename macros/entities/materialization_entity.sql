{#
  An entity: its key column(s), `first_seen_at`, and `gone_at` (null while it is there), one row per life. What was once
  part of a run that counts is remembered: an entity that its source forgets is gone from the run that noticed it,
  and one that comes back begins a new life. A run that never counted leaves no trace. --empty writes nothing.

  `asof_seen_in_run` and `asof_forgotten_in_run` are bookkeeping for that rule. The table is emptied and filled in
  place, so that views on it survive on engines that would drop them with it.
#}
{% materialization entity, default %}
    {%- if asof.holds_records() -%}{%- do asof.check_entity_sql(model, compiled_code) -%}{%- endif -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set keys = asof.entity_keys(model) -%}
    {%- set declared = 'asof_declared_' ~ model.name -%}
    {%- if asof.holds_records() -%}{%- do asof.check_events_of_entity() -%}{%- endif -%}
    {%- set columns = get_column_schema_from_query(sql) -%}
    {%- if asof.holds_records() -%}{%- do asof.check_entity_columns(keys, columns) -%}{%- endif -%}
    {%- set has_gone_at = 'gone_at' in columns | map(attribute='name') | map('lower') -%}
    {%- if not asof.has_transactions() -%}
        {{- return(asof.make_entity_table(declared, asof.entity_select(keys, sql, has_gone_at),
            asof.entity_lives_sql(keys, declared, **asof.lives_before(keys, target_relation)))) -}}
    {%- endif -%}

    {{ run_hooks(pre_hooks) }}
    {%- set time = asof.type_timestamptz() -%}
    {%- if flags.EMPTY or flags.SAMPLE -%}
        {%- if existing is none -%}
            {%- call statement('empty', auto_begin=true) -%}
                create table {{ target_relation }} as
                {{ asof.entity_select(keys, sql, has_gone_at) }} where false
            {%- endcall -%}
        {%- endif -%}
    {%- else -%}
        {%- call statement('declare', auto_begin=true) -%}
            create temporary table {{ declared }} as {{ asof.entity_select(keys, sql, has_gone_at) }}
        {%- endcall -%}
        {%- if existing is none -%}
            {%- call statement('create') -%}
                create table {{ target_relation }} as select * from {{ declared }} where false
            {%- endcall -%}
        {%- endif -%}
        {%- call statement('lives') -%}
            create temporary table {{ declared }}_lives as
            {{ asof.handed_over_lives_sql(graph.nodes[model.unique_id])
                or asof.entity_lives_sql(keys, declared, **asof.lives_before(keys, target_relation)) }}
        {%- endcall -%}
        {%- call statement('clear') -%} delete from {{ target_relation }} {%- endcall -%}
        {%- do asof.fault_point('within_entity') -%}
        {%- call statement('fill') -%}
            insert into {{ target_relation }} select * from {{ declared }}_lives
        {%- endcall -%}
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

{# Refuses event models of the entity without their times: its own SQL, which reads them, would not bind. #}
{% macro check_events_of_entity() %}
    {%- for parent in model.depends_on.nodes if asof.role(graph.nodes.get(parent) or {}) == 'event' -%}
        {%- do asof.check_event_columns(asof.relation_of(graph.nodes[parent])) -%}
    {%- endfor -%}
{% endmacro %}

{# Refuses an entity whose SQL returns other columns or types than an entity has. returned: the engine's columns. #}
{% macro check_entity_columns(keys, returned) %}
    {%- set columns, problems = [], [] -%}
    {%- for column in returned -%}
        {%- do columns.append(column.name | lower) -%}
        {%- if column.name | lower in asof.times_of('entity') -%}
            {%- do problems.append(asof.problem_of_time(model.original_file_path, column.name | lower, model.name,
                column.dtype)) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do asof.refuse_all(problems) -%}
    {%- for column in keys + ['first_seen_at'] if column not in columns -%}
        {{- asof.refuse(model.original_file_path ~ ': the entity ' ~ model.name ~ ' must return ' ~ column
            ~ '; it returns ' ~ columns | join(', ') ~ '.') -}}
    {%- endfor -%}
    {%- for column in columns if column not in keys + ['first_seen_at', 'gone_at'] -%}
        {{- asof.refuse(model.original_file_path ~ ': the entity ' ~ model.name ~ ' returns ' ~ column
            ~ ', which is neither a key named in its YAML nor a time of knowing. Attributes change, and so are '
            ~ 'features: put it in a feature group.') -}}
    {%- endfor -%}
{% endmacro %}
