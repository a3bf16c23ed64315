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
                {%- do asof.say(spec.id ~ ': backfilled ' ~ (plan.done + loop.index) ~ ' of '
                    ~ (plan.done + loop.length) ~ ' moments, up to ' ~ moment) -%}
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
