{#
  The incremental snapshot model. For each moment of this run that is not recorded yet, in one transaction:
  evaluate the group at that moment, refuse anything but one row per point, append a row for each entity that
  appeared, changed or went (a tombstone) against its last row that counts or was written by this run, and record
  the moment. Nothing that counts is ever changed; --full-refresh and --empty write nothing.
#}
{% materialization history, default %}
    {%- set group = asof.parse_model_name(model.name, 'history') -%}
    {%- set spec = asof.group_spec(group.name, group.version) -%}
    {%- set target_relation = this.incorporate(type='table') -%}

    {{ run_hooks(pre_hooks) }}
    {%- do asof.create_history_table(spec, target_relation) -%}

    {%- set written = namespace(rows=0, moments=0) -%}
    {%- if flags.EMPTY or flags.SAMPLE -%}
        {%- do asof.say(spec.id ~ ': nothing is recorded under --empty or --sample.') -%}
    {%- else -%}
        {%- set plan = asof.plan_moments(spec) -%}
        {%- if plan.kind == 'build' -%}{%- do asof.check_backdating(spec) -%}{%- endif -%}
        {%- for moment in plan.moments -%}
            {%- set rows = asof.record_moment(spec, plan, moment) -%}
            {%- set written.rows = written.rows + rows -%}
            {%- set written.moments = written.moments + 1 -%}
            {%- if plan.kind == 'backfill' and (loop.index % 50 == 0 or loop.last) -%}
                {%- do asof.say(spec.id ~ ': backfilled ' ~ (plan.done + loop.index) ~ ' of ' ~ (plan.done + loop.length) ~ ' moments, up to ' ~ moment) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- if plan.kind == 'backfill' -%}
            {%- do asof.complete_backfill(spec, plan) -%}
        {%- endif -%}
    {%- endif -%}

    {%- do store_raw_result(name='main', message='HISTORY ' ~ written.moments ~ ' moments, ' ~ written.rows ~ ' rows',
        code='HISTORY', rows_affected=written.rows) -%}
    {{ run_hooks(post_hooks) }}
    {%- do persist_docs(target_relation, model) -%}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{# Creates the table on first use from the group's YAML, and refuses a group whose columns are no longer those recorded. #}
{% macro create_history_table(spec, relation) %}
    {%- set time = asof.type_timestamptz() -%}
    {%- set columns = [] -%}
    {%- for key in spec['keys'] -%}{%- do columns.append(key.name ~ ' ' ~ key.type ~ ' not null') -%}{%- endfor -%}
    {%- do columns.append('as_of ' ~ time ~ ' not null') -%}
    {%- do columns.append('run_id varchar not null') -%}
    {%- do columns.append('is_tombstone boolean not null') -%}
    {%- for feature in spec.features -%}{%- do columns.append(feature.name ~ ' ' ~ feature.type) -%}{%- endfor -%}
    {%- set existing = load_cached_relation(relation) -%}
    {%- if existing is none -%}
        {%- do run_query('create table if not exists ' ~ relation ~ ' (' ~ columns | join(', ') ~ ')') -%}
    {%- else -%}
        {%- set declared = (spec['keys'] + [{'name': 'as_of'}, {'name': 'run_id'}, {'name': 'is_tombstone'}] + spec.features) | map(attribute='name') | list -%}
        {%- set recorded = adapter.get_columns_in_relation(relation) | map(attribute='name') | list -%}
        {%- if declared | sort != recorded | sort -%}
            {{- asof.refuse('the columns of ' ~ spec.id ~ ' are no longer those of its history: ' ~ relation ~ ' has ' ~ recorded | join(', ')
                ~ '; its YAML declares ' ~ declared | join(', ') ~ '. History is append-only: write the new meaning as version ' ~ (spec.version + 1)
                ~ ', or, if this version was never published, start it over with `dbt run-operation start_over --args \'{group: ' ~ spec.id ~ '}\'`.') -}}
        {%- endif -%}
        {%- set now_ = {} -%}
        {%- for column in adapter.get_columns_in_relation(asof.relation_of(spec.node)) -%}{%- do now_.update({column.name: column.data_type}) -%}{%- endfor -%}
        {%- for column in adapter.get_columns_in_relation(relation) if column.name in now_ and now_[column.name] != column.data_type -%}
            {{- asof.refuse(spec.id ~ ': ' ~ column.name ~ ' is ' ~ now_[column.name] ~ ' now, but ' ~ column.data_type ~ ' in its history ' ~ relation ~ '. A changed type '
                ~ 'is a new version (' ~ (spec.version + 1) ~ '); or start over with `dbt run-operation start_over`, if this one was never published.') -}}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}
