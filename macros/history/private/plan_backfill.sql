{% macro plan_backfill(spec, counted, range_) %}
    {%- set lag = asof.publish_lag_seconds() -%}
    {%- set same_range -%}
        group_id = '{{ spec.id }}'
        and from_as_of = {{ asof.sql_time(range_['from']) }}
        and to_as_of = {{ asof.sql_time(range_.to) }}
        and every_seconds = {{ range_.every }}
    {%- endset -%}
    {%- set sql -%}
        select backfill_id
        from {{ asof.registry('backfills') }}
        where {{ same_range }} and completed_at is not null
    {%- endset -%}
    {%- set complete = run_query(sql).rows -%}
    {%- if complete | length > 0 -%}
        {%- do asof.say(spec.id ~ ': this backfill is already complete; nothing to record.') -%}
        {{- return({'kind': 'backfill', 'run_id': complete[0][0], 'moments': [], 'done': 0,
            'counted_before': counted.moments}) -}}
    {%- endif -%}
    {%- do asof.refuse_backfill_after_counted(spec, counted, range_) -%}
    {%- set definition = asof.definition_in_force(spec.id) -%}
    {%- if not asof.clock_holds([range_['from'], asof.run_moments() | last]) -%}
        {{- asof.refuse(spec.id ~ ': the clock does not hold the moments of this backfill, since the selection '
            ~ 'leaves it out. What a backfill records counts, so select all that the group is made of: `dbt run '
            ~ '--select +' ~ spec.history_node.name ~ '` with the same --vars.') -}}
    {%- endif -%}
    {%- if range_.every + lag > spec.max_age_seconds -%}
        {%- do asof.say('warning: ' ~ spec.id ~ ' is backfilled every ' ~ range_.every ~ ' s and published ' ~ lag
            ~ ' s later, but its max_age is ' ~ spec.max_age_seconds ~ ' s: between moments its training rows will '
            ~ 'be STALE.') -%}
    {%- endif -%}
    {%- set sql -%}
        select backfill_id, definition
        from {{ asof.registry('backfills') }}
        where {{ same_range }} and completed_at is null
        order by started_at desc
        limit 1
    {%- endset -%}
    {%- set begun = run_query(sql).rows -%}
    {%- if begun | length > 0 and begun[0][1] == definition -%}
        {%- set backfill_id = begun[0][0] -%}
    {%- else -%}
        {%- set backfill_id = 'backfill-' ~ invocation_id ~ '-' ~ spec.base -%}
        {%- if begun | length > 0 -%}
            {%- do asof.say(spec.id ~ ': its SQL changed since the backfill ' ~ begun[0][0]
                ~ ' was begun; that one never counts, this one starts over.') -%}
        {%- endif -%}
        {%- do run_query(asof.insert_sql('backfills', [[backfill_id, spec.id, range_['from'], range_.to, range_.every,
            definition, asof.wall_clock(), none]])) -%}
    {%- endif -%}
    {%- do asof.fault_point('after_begun') -%}
    {%- set done = [] -%}
    {%- set sql -%}
        select as_of
        from {{ asof.registry('moments') }}
        where run_id = '{{ backfill_id }}'
    {%- endset -%}
    {%- for row in run_query(sql).rows -%}
        {%- do done.append(asof.time_literal(row[0])) -%}
    {%- endfor -%}
    {%- if done | length > 0 -%}
        {%- do asof.say(spec.id ~ ': resuming ' ~ backfill_id ~ ' after ' ~ done | length ~ ' moments.') -%}
    {%- endif -%}
    {%- set missing = [] -%}
    {%- for moment in asof.run_moments() if moment not in done -%}{%- do missing.append(moment) -%}{%- endfor -%}
    {{- return({'kind': 'backfill', 'run_id': backfill_id, 'moments': missing, 'done': done | length,
        'counted_before': counted.moments,
        'definition': definition}) -}}
{% endmacro %}

{% macro refuse_backfill_after_counted(spec, counted, range_) %}
    {%- if counted.moments > 0 and range_.to >= counted.first -%}
        {%- set sql -%}
            select max(as_of) filter (where as_of <= {{ asof.sql_time(range_['from']) }}),
                min(as_of) filter (where as_of >= {{ asof.sql_time(range_['from']) }})
            from {{ asof.registry('counted_moments') }}
            where group_id = '{{ spec.id }}'
        {%- endset -%}
        {%- set around = run_query(sql).rows[0] -%}
        {{- asof.refuse(spec.id ~ ': a backfill lies wholly before the first moment that counts, ' ~ counted.first
            ~ '; this one goes from ' ~ range_['from'] ~ ' to ' ~ range_.to ~ ' (counted neighbours of its start: '
            ~ (asof.time_literal(around[0]) if around[0] else 'none') ~ ' and ' ~ (asof.time_literal(around[1])
            if around[1] else 'none') ~ '). Filling in between would change what was known and served then. Choose '
            ~ 'an earlier `to`, or give the new meaning a new version with a history of its own.') -}}
    {%- endif -%}
{% endmacro %}
