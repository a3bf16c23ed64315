{#
  A source backdates when rows turn up as known at a moment that was already evaluated without them: what was served
  then can no longer be explained. Before a normal run records anything, each event model of the group is counted
  again at the newest moment that counts. More rows than then is an error that names the model and by how much. (A run
  that never counted may have met a half-loaded source; that the rest arrives later is no backdating.)
#}
{% macro check_backdating(spec) %}
    {%- for event in spec.events -%}
        {%- set recorded = asof.known_rows_recorded(spec, event) -%}
        {%- if recorded -%}
            {%- set at = asof.sql_time(asof.time_literal(recorded[0])) -%}
            {%- set relation = asof.event_relation(spec.node, event) -%}
            {%- set moment = asof.time_literal(recorded[0]) -%}
            {%- set found = asof.known_rows(spec, event, moment) -%}
            {%- set more = found - (recorded[1] | int) -%}
            {%- if more > 0 -%}
                {%- set sql -%}
                    select min(known_at)
                    from (
                        select known_at
                        from {{ relation }}
                        where known_at <= {{ at }}
                        order by known_at desc
                        limit {{ more }}
                    ) as newest
                {%- endset -%}
                {%- set newest = run_query(sql).rows[0][0] if asof.handover() is none
                    else asof.as_datetime(asof.handed_over_known(event, moment).newest) -%}
                {%- set late = (asof.as_datetime(asof.now()) - newest).total_seconds() -%}
                {{- asof.refuse('the source ' ~ event.name ~ ' backdates: ' ~ recorded[1]
                    ~ ' of its rows were known at ' ~ asof.time_literal(recorded[0]) ~ ' when ' ~ spec.id
                    ~ ' was evaluated, and now ' ~ found ~ ' are. ' ~ more ~ ' rows became visible after their '
                    ~ 'known_at, by up to ' ~ late ~ ' s if they are the newest. Add the delay of the loader to '
                    ~ 'known_at in ' ~ event.original_file_path ~ ', as in {{ asof.known_after(\'loaded_at\', \'10 '
                    ~ 'minutes\') }} as known_at; `asof lateness` says how long. If this was a single repair of old '
                    ~ 'data, accept it: dbt run-operation accept_backdating --args \'{event_model: ' ~ event.name
                    ~ ', reason: "..."}\'.') -}}
            {%- endif -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}

{#
  [as_of, known_rows] as recorded of a group's event model at the newest moment that counts or was accepted; or none.
#}
{% macro known_rows_recorded(spec, event) %}
    {%- set sql -%}
        select as_of, known_rows
        from {{ asof.registry('known_rows') }}
        where
            group_id = '{{ spec.id }}'
            and event_model = '{{ event.name }}'
            and (
                run_id = 'accepted'
                or run_id in (
                    select run_id
                    from {{ asof.registry('counted_moments') }}
                    where group_id = '{{ spec.id }}'
                )
            )
        order by as_of desc, known_rows desc
        limit 1
    {%- endset -%}
    {%- set recorded = run_query(sql).rows -%}
    {{- return(recorded[0].values() | list if recorded | length else none) -}}
{% endmacro %}

{# How many rows of a group's event model were known at a moment (a time literal). #}
{% macro known_rows(spec, event, moment) %}
    {%- if asof.handover() is not none -%}{{- return(asof.handed_over_known(event, moment).rows) -}}{%- endif -%}
    {%- set sql -%}
        select count(*)
        from {{ asof.event_relation(spec.node, event) }}
        where known_at <= {{ asof.sql_time(moment) }}
    {%- endset -%}
    {{- return(run_query(sql).rows[0][0] | int) -}}
{% endmacro %}
