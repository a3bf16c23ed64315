{#
  Before any command that builds or tests: the configuration is checked, the records are opened (and repaired), the
  project is checked, the run noted. Guarded by flags.WHICH, since dbt renders hooks for `compile` and `docs generate`
  too.
#}
{% macro on_run_start() %}
    {%- if not asof.holds_records() -%}
        {%- if execute and flags.WHICH in ['seed', 'run', 'build', 'test'] -%}
            {%- do asof.check_engine_run() -%}
        {%- endif -%}
    {%- elif execute and flags.WHICH in ['seed', 'run', 'build', 'test', 'snapshot', 'retry'] -%}
        {%- set uses_models = flags.WHICH in ['run', 'build', 'test', 'retry'] -%}
        {%- if uses_models -%}{%- do asof.check_configuration() -%}{%- endif -%}
        {%- do asof.open_records() -%}
        {%- if uses_models -%}
            {%- do asof.check_project() -%}
            {%- do asof.take_in_request_log() -%}
            {%- if flags.WHICH != 'run' -%}{%- do asof.compare_request_log() -%}{%- endif -%}
        {%- endif -%}
        {%- set range_ = asof.backfill_range() -%}
        {%- set kind = 'empty' if flags.EMPTY or flags.SAMPLE else ('backfill' if range_ is not none else ('cutoff'
            if asof.training_cutoff() is not none else 'normal')) -%}
        {%- set sql -%}
            select coalesce(max(run_number), 0)
            from {{ asof.registry('runs') }}
        {%- endset -%}
        {%- set last = run_query(sql).rows[0][0] | int -%}
        {%- do run_query(asof.insert_sql('runs', [[last + 1, invocation_id, flags.WHICH, kind, asof.wall_clock(),
            asof.now(), asof.now_is_injected(),
            asof.run_as_of() if range_ is none else none, none]])) -%}
        {%- if flags.WHICH in ['run', 'build'] -%}{%- do asof.take_handover(last + 1) -%}{%- endif -%}
    {%- endif -%}
{% endmacro %}
