{#
  Which moments this run records for a group, and under which run id: {kind, run_id, moments, done, counted_before,
  since, definition, evaluated_sql}. since: the newest counted moment, if any; none of a backfill. evaluated_sql: the
  group's text, where the run's selection leaves the clock out, which then does not hold the moment; else none. A
  normal run's moment is newer than every counted one, or already counts and is skipped. A backfill lies wholly before
  the first counted moment and resumes where a killed one of the same range and SQL stopped.
#}
{% macro plan_moments(spec) %}
    {%- set counted = asof.counted_span(spec.id) -%}
    {%- set range_ = asof.backfill_range() -%}
    {%- if range_ is not none -%}
        {{- return(asof.plan_backfill(spec, counted, range_)) -}}
    {%- endif -%}
    {%- set moment = asof.run_as_of() -%}
    {%- set moments = [moment] -%}
    {%- if counted.moments > 0 and moment <= counted.last -%}
        {%- set sql -%}
            select count(*)
            from {{ asof.registry('counted_moments') }}
            where group_id = '{{ spec.id }}' and as_of = {{ asof.sql_time(moment) }}
        {%- endset -%}
        {%- set same = run_query(sql).rows[0][0] -%}
        {%- if same == 0 -%}
            {{- asof.refuse(spec.id ~ ': the moment of this run, ' ~ moment ~ ', is not newer than the newest that '
                ~ 'counts, ' ~ counted.last ~ '. What was served then cannot be changed: run at a later moment.') -}}
        {%- endif -%}
        {%- do asof.say(spec.id ~ ': the moment ' ~ moment ~ ' already counts; nothing to record.') -%}
        {%- set moments = [] -%}
    {%- endif -%}
    {%- set definition = asof.definition_in_force(spec.id) -%}
    {%- set evaluated_sql = none -%}
    {%- if moments and not asof.clock_holds(moments) -%}
        {%- if asof.is_emptied(spec) -%}
            {{- asof.refuse(spec.id ~ ': what it reads was last built with --empty or --sample, so its rows would '
                ~ 'be of nothing. Nothing was recorded. Build that again too: `dbt build --select +'
                ~ spec.history_node.name ~ '`.') -}}
        {%- endif -%}
        {%- set evaluated_sql = asof.text_in_force(spec.id) -%}
        {%- do asof.say(spec.id ~ ': the selection leaves the clock out. It is evaluated at ' ~ moment
            ~ ' all the same, over ' ~ spec.entity.name ~ ' as last built; that moment never counts. To publish, '
            ~ 'run `dbt build` without a selection.') -%}
    {%- endif -%}
    {{- return({'kind': 'build', 'run_id': invocation_id, 'moments': moments, 'done': 0,
        'counted_before': counted.moments, 'since': counted.last,
        'definition': definition, 'evaluated_sql': evaluated_sql}) -}}
{% endmacro %}
