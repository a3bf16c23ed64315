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
    {%- do run_query('create table if not exists ' ~ target_relation ~ ' (' ~ asof.observed_columns(spec) | join(', ')
        ~ ')') -%}
    {%- if flags.EMPTY or flags.SAMPLE or asof.backfill_range() is not none -%}
        {%- do asof.say(model.name ~ ': nothing is captured under --empty, --sample or a backfill.') -%}
        {%- set captured = [0, 0, 0] -%}
    {%- else -%}
        {%- set captured = asof.capture(spec, target_relation, sql) -%}
    {%- endif -%}

    {%- do store_raw_result(name='main', message='OBSERVED ' ~ captured[0] ~ ' appeared, ' ~ captured[1]
        ~ ' changed, ' ~ captured[2] ~ ' disappeared',
        code='OBSERVED', rows_affected=captured | sum) -%}
    {{ run_hooks(post_hooks) }}
    {%- do persist_docs(target_relation, model) -%}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
