{#
  Which moments this run records for a group, and under which run id: {kind, run_id, moments, done, counted_before,
  definition, evaluated_sql}. evaluated_sql: the group's text, where the run's selection leaves the clock out, which then does
  not hold the moment; else none.
  A normal run's moment is newer than every counted one, or already counts and is skipped. A backfill lies wholly
  before the first counted moment and resumes where a killed one of the same range and SQL stopped.
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
        {%- set same = run_query("select count(*) from " ~ asof.registry('counted_moments') ~ " where group_id = '" ~ spec.id ~ "' and as_of = "
            ~ asof.sql_time(moment)).rows[0][0] -%}
        {%- if same == 0 -%}
            {{- asof.refuse(spec.id ~ ': the moment of this run, ' ~ moment ~ ', is not newer than the newest that counts, ' ~ counted.last
                ~ '. What was served then cannot be changed: run at a later moment.') -}}
        {%- endif -%}
        {%- do asof.say(spec.id ~ ': the moment ' ~ moment ~ ' already counts; nothing to record.') -%}
        {%- set moments = [] -%}
    {%- endif -%}
    {%- set definition = asof.definition_in_force(spec.id) -%}
    {%- set evaluated_sql = none -%}
    {%- if moments and not asof.clock_holds(moments) -%}
        {%- if asof.is_emptied(spec) -%}
            {{- asof.refuse(spec.id ~ ': what it reads was last built with --empty or --sample, so its rows would be of nothing. Nothing '
                ~ 'was recorded. Build that again too: `dbt build --select +' ~ spec.history_node.name ~ '`.') -}}
        {%- endif -%}
        {%- set evaluated_sql = run_query('select compiled_sql from ' ~ asof.registry('definitions') ~ ' where id = '
            ~ asof.literal(spec.id)).rows[0][0] -%}
        {%- do asof.say(spec.id ~ ': the selection leaves the clock out. It is evaluated at ' ~ moment ~ ' all the same, over '
            ~ spec.entity.name ~ ' as last built; that moment never counts. To publish, run `dbt build` without a selection.') -%}
    {%- endif -%}
    {{- return({'kind': 'build', 'run_id': invocation_id, 'moments': moments, 'done': 0, 'counted_before': counted.moments,
        'definition': definition, 'evaluated_sql': evaluated_sql}) -}}
{% endmacro %}

{# Whether the clock model, as it stands, holds all of these moments. #}
{% macro clock_holds(moments) %}
    {%- set sql -%}
        select count(distinct as_of)
        from {{ asof.clock_relation() }}
        where as_of in ({% for moment in moments %}{{ asof.sql_time(moment) }}{{ ', ' if not loop.last }}{% endfor %})
    {%- endset -%}
    {{- return(run_query(sql).rows[0][0] == moments | unique | list | length) -}}
{% endmacro %}

{# {moments, first, last} of a group's counted moments; times as literals, none where there are none. #}
{% macro counted_span(group_id) %}
    {%- set row = run_query("select count(*), min(as_of), max(as_of) from " ~ asof.registry('counted_moments') ~ " where group_id = '" ~ group_id ~ "'").rows[0] -%}
    {{- return({'moments': row[0] | int, 'first': asof.time_literal(row[1]) if row[1] else none, 'last': asof.time_literal(row[2]) if row[2] else none}) -}}
{% endmacro %}

{% macro plan_backfill(spec, counted, range_) %}
    {%- set lag = asof.publish_lag_seconds() -%}
    {%- set same_range = "group_id = '" ~ spec.id ~ "' and from_as_of = " ~ asof.sql_time(range_['from']) ~ " and to_as_of = " ~ asof.sql_time(range_.to)
        ~ " and every_seconds = " ~ range_.every -%}
    {%- set complete = run_query("select backfill_id from " ~ asof.registry('backfills') ~ " where " ~ same_range ~ " and completed_at is not null").rows -%}
    {%- if complete | length > 0 -%}
        {%- do asof.say(spec.id ~ ': this backfill is already complete; nothing to record.') -%}
        {{- return({'kind': 'backfill', 'run_id': complete[0][0], 'moments': [], 'done': 0, 'counted_before': counted.moments}) -}}
    {%- endif -%}
    {%- do asof.refuse_backfill_after_counted(spec, counted, range_) -%}
    {%- set definition = asof.definition_in_force(spec.id) -%}
    {%- if not asof.clock_holds([range_['from'], asof.run_moments() | last]) -%}
        {{- asof.refuse(spec.id ~ ': the clock does not hold the moments of this backfill, since the selection leaves it out. What a '
            ~ 'backfill records counts, so select all that the group is made of: `dbt run --select +' ~ spec.history_node.name
            ~ '` with the same --vars.') -}}
    {%- endif -%}
    {%- if range_.every + lag > spec.max_age_seconds -%}
        {%- do asof.say('warning: ' ~ spec.id ~ ' is backfilled every ' ~ range_.every ~ ' s and published ' ~ lag ~ ' s later, but its max_age is '
            ~ spec.max_age_seconds ~ ' s: between moments its training rows will be STALE.') -%}
    {%- endif -%}
    {%- set begun = run_query("select backfill_id, definition from " ~ asof.registry('backfills') ~ " where " ~ same_range
        ~ " and completed_at is null order by started_at desc limit 1").rows -%}
    {%- if begun | length > 0 and begun[0][1] == definition -%}
        {%- set backfill_id = begun[0][0] -%}
    {%- else -%}
        {%- set backfill_id = 'backfill-' ~ invocation_id ~ '-' ~ spec.base -%}
        {%- if begun | length > 0 -%}
            {%- do asof.say(spec.id ~ ': its SQL changed since the backfill ' ~ begun[0][0] ~ ' was begun; that one never counts, this one starts over.') -%}
        {%- endif -%}
        {%- do run_query(asof.insert_sql('backfills', [[backfill_id, spec.id, range_['from'], range_.to, range_.every, definition, asof.wall_clock(), none]])) -%}
    {%- endif -%}
    {%- do asof.fault_point('after_begun') -%}
    {%- set done = [] -%}
    {%- for row in run_query("select as_of from " ~ asof.registry('moments') ~ " where run_id = '" ~ backfill_id ~ "'").rows -%}
        {%- do done.append(asof.time_literal(row[0])) -%}
    {%- endfor -%}
    {%- if done | length > 0 -%}
        {%- do asof.say(spec.id ~ ': resuming ' ~ backfill_id ~ ' after ' ~ done | length ~ ' moments.') -%}
    {%- endif -%}
    {%- set missing = [] -%}
    {%- for moment in asof.run_moments() if moment not in done -%}{%- do missing.append(moment) -%}{%- endfor -%}
    {{- return({'kind': 'backfill', 'run_id': backfill_id, 'moments': missing, 'done': done | length, 'counted_before': counted.moments,
        'definition': definition}) -}}
{% endmacro %}

{% macro refuse_backfill_after_counted(spec, counted, range_) %}
    {%- if counted.moments > 0 and range_.to >= counted.first -%}
        {%- set around = run_query("select max(as_of) filter (where as_of <= " ~ asof.sql_time(range_['from']) ~ "), min(as_of) filter (where as_of >= "
            ~ asof.sql_time(range_['from']) ~ ") from " ~ asof.registry('counted_moments') ~ " where group_id = '" ~ spec.id ~ "'").rows[0] -%}
        {{- asof.refuse(spec.id ~ ': a backfill lies wholly before the first moment that counts, ' ~ counted.first ~ '; this one goes from '
            ~ range_['from'] ~ ' to ' ~ range_.to ~ ' (counted neighbours of its start: ' ~ (asof.time_literal(around[0]) if around[0] else 'none')
            ~ ' and ' ~ (asof.time_literal(around[1]) if around[1] else 'none') ~ '). Filling in between would change what was known and served then. Choose an '
            ~ 'earlier `to`, or give the new meaning a new version with a history of its own.') -}}
    {%- endif -%}
{% endmacro %}

{# The declared publish lag in seconds; required and more than 0, since nothing is served in the instant it is computed. #}
{% macro publish_lag_seconds() %}
    {%- set lag = var('asof_publish_lag', none) -%}
    {%- set seconds = asof.seconds(lag, 'the var asof_publish_lag') if lag else 0 -%}
    {%- if seconds <= 0 -%}
        {{- asof.refuse('declare in dbt_project.yml how long after its moment a build is usually published, `vars: {asof_publish_lag: 1 minute}` (more '
            ~ 'than 0): a backfilled moment stands for a publication that much later.') -}}
    {%- endif -%}
    {{- return(seconds) -}}
{% endmacro %}

{# The machine's own clock, for the wall-clock columns of the records only. #}
{% macro wall_clock() %}
    {{- return(asof.time_literal(modules.datetime.datetime.now(modules.pytz.utc))) -}}
{% endmacro %}
