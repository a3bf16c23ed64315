{#
  After a command that builds or tests: its results are kept, what failed is shown, the training sets are counted, and
  what is green is published. Returns SQL that fails where the command must: see failing_sql.
#}
{% macro on_run_end(results) %}
    {%- if execute and not asof.holds_records() and flags.WHICH == 'build' -%}
        {%- do asof.finish_engine_run(results) -%}
    {%- elif execute and asof.holds_records()
        and flags.WHICH in ['seed', 'run', 'build', 'test', 'snapshot', 'retry'] -%}
        {#- under a cut-off the tests saw less than all of training: they vouch for nothing -#}
        {%- set vouches = asof.training_cutoff() is none -%}
        {%- set failures = asof.keep_results(results) if vouches else [] -%}
        {#-
          from here on the tables and what is known of them are whole; a kill while publishing leaves something to
          publish
        -#}
        {%- set sql -%}
            update {{ asof.registry('runs') }}
            set finished_at = {{ asof.sql_time(asof.wall_clock()) }}
            where run_id = '{{ invocation_id }}'
        {%- endset -%}
        {%- do run_query(sql) -%}
        {%- do asof.show_failures(results) -%}
        {%- do asof.count_training(results) -%}
        {%- do asof.tell_parity(results) -%}
        {%- do asof.capture_profiles(results) -%}
        {%- if not vouches -%}
            {%- do asof.say('training ends at ' ~ asof.training_cutoff() ~ ' (asof_training_cutoff): nothing is '
                ~ 'published, written to a file or taken as tested. `dbt build` builds it whole again.') -%}
        {%- elif flags.WHICH in ['build', 'test', 'retry'] -%}
            {%- do asof.write_training_sets() -%}
            {%- if asof.publish_folder() is none -%}
                {%- do asof.judge_health(asof.components(), is_publishing=false) -%}
                {%- do asof.say_publishes_nowhere() -%}
            {%- elif asof.backfill_range() is none -%}
                {%- do failures.extend(asof.publish()) -%}
                {%- do asof.publish_health() -%}
            {%- endif -%}
        {%- endif -%}
        {%- if failures -%}{{- return(asof.failing_sql('asof: ' ~ failures | join('\n'))) -}}{%- endif -%}
    {%- endif -%}
{% endmacro %}
