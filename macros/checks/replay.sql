{#
  Replay: past points of a group are evaluated again, with all that has become known since lying in the tables, and must
  equal what was recorded. A check for asof.problems, part of the feature_group test; none where there is nothing to replay.

  The sample is bounded and another one in every run: up to 8 counted moments by lot, and up to 8 that late or corrected
  events reach back over; up to 50 entities by lot, and up to 50 that those events are of; every point of these. A group
  that may look at other entities (by a window or a query of its own) is evaluated for all of them.
  It reaches back to what a person accepted last (accept_restatement, accept_definition, accept_backdating), and no
  further than the `retention` that an event model's meta declares. The var `asof_replay: false` leaves it out.
#}
{% macro replay_check(spec) %}
    {%- set found = run_query("select compiled_sql from " ~ asof.registry('definitions') ~ " where id = '" ~ spec.id ~ "'").rows -%}
    {%- if not var('asof_replay', true) or found | length == 0 or load_relation(spec.history) is none or asof.is_emptied(spec) -%}{{- return(none) -}}{%- endif -%}
    {%- set keys = spec['keys'] | map(attribute='name') | list -%}
    {%- set names = keys | join(', ') -%}
    {%- set seed = asof.run_as_of() -%}
    {%- set all_entities = asof.reads_other_entities(found[0][0]) -%}
    {%- set sql %}
        with asof_eligible as (
            select as_of
            from {{ asof.registry('counted_moments') }}
            where {{ asof.may_be_replayed(spec) }}
        ),
        asof_late as (
            {%- set streams = asof.events_with(spec, keys) %}
            {%- for event in streams %}
            select * from (
                select {{ names }}, occurred_at as asof_occurred_at, known_at as asof_known_at
                from {{ asof.event_relation(spec.node, event) }}
                where known_at > occurred_at
                order by {{ asof.lot(['event_id', 'known_at'], seed) }}
                limit 200
            ) as asof_late_{{ loop.index }}
            {{- ' union all' if not loop.last }}
            {%- endfor %}
            {%- if not streams %}
            select {{ names }}, first_seen_at as asof_occurred_at, first_seen_at as asof_known_at from {{ asof.relation_of(spec.entity) }} where false
            {%- endif %}
        ),
        asof_touched as (
            select {% for key in keys %}asof_late.{{ key }}, {% endfor %}asof_eligible.as_of
            from asof_late
            inner join asof_eligible on asof_eligible.as_of >= asof_late.asof_occurred_at and asof_eligible.as_of < asof_late.asof_known_at
            order by {{ asof.lot(['asof_late.' ~ keys[0], 'asof_eligible.as_of'], seed) }}
            limit 50
        ),
        asof_sampled as (
            select as_of from (select as_of from asof_eligible order by {{ asof.lot(['as_of'], seed) }} limit 8) as any_moment
            union
            select as_of from (select distinct as_of from asof_touched order by {{ asof.lot(['as_of'], seed) }} limit 8) as touched_moment
        ),
        -- the source took its rows back of what it forgot: that past cannot come out again
        asof_forgotten as (
            select {{ names }} from {{ asof.relation_of(spec.entity) }} where asof_forgotten_in_run is not null
        ),
        asof_chosen as (
            select drawn.*
            from (
                select {{ names }} from asof_touched
                union
                select * from (
                    select distinct {{ names }} from {{ asof.relation_of(spec.entity) }}
                    order by {{ asof.lot(keys, seed) }}
                    {{ '' if all_entities else 'limit 50' }}
                ) as any_entity
            ) as drawn
            where not exists (select 1 from asof_forgotten where {{ asof.same_keys('asof_forgotten', 'drawn', keys) }})
        ),
        {{ asof.replay_differences_sql(spec, found[0][0]) }}
    {%- endset -%}
    {%- set rule -%}
        evaluated again, a past point differs from what was recorded. Run `asof prove`. If it is red, a model lets in what was
        not known then, and the proof names it. If it is green, the formula was edited (write it as a new version), or a source changed
        rows of its past (append versions; what it restated once is accepted by accept_restatement)
    {%- endset -%}
    {{- return({'rule': modules.re.sub('\s+', ' ', rule), 'sql': sql}) -}}
{% endmacro %}

{#
  The end of a statement whose common table expressions `asof_chosen` (keys) and `asof_sampled` (as_of) say which points are
  meant: those of them for which a group's compiled SQL gives other values than were recorded, with both as text.
#}
{% macro replay_differences_sql(spec, compiled_sql) -%}
    {%- set keys = spec['keys'] | map(attribute='name') | list -%}
    {%- set features = spec.features | map(attribute='name') | list -%}
        {{- asof.evaluated_again_sql(spec, compiled_sql, 'select as_of from asof_sampled',
            'select entity.* from ' ~ asof.relation_of(spec.entity) ~ ' as entity inner join asof_chosen on '
                ~ asof.same_keys('asof_chosen', 'entity', keys)) }},
        asof_counted as (
            select *
            from {{ spec.history }}
            where run_id in (select run_id from {{ asof.registry('counted_moments') }} where group_id = '{{ spec.id }}')
        ),
        asof_recorded as (
            select {% for key in keys %}history.{{ key }}, {% endfor %}moment.as_of, history.is_tombstone
                {%- for name in features %}, history.{{ name }}{% endfor %}
            from (select asof_chosen.*, clock.as_of from asof_chosen cross join asof_sampled as clock) as moment
            {{ asof.asof_left_join('asof_counted', 'history', 'moment.as_of', 'history.as_of', [asof.same_keys('history', 'moment', keys)]) }}
        )
        select
            {% for key in keys %}coalesce(was.{{ key }}, now_.{{ key }}) as {{ key }}, {% endfor %}
            coalesce(was.as_of, now_.as_of) as as_of,
            {%- for name in features %}
            case when was.{{ name }} is distinct from now_.{{ name }} then
                coalesce(cast(was.{{ name }} as varchar), 'null') || ' was recorded, ' || coalesce(cast(now_.{{ name }} as varchar), 'null') || ' comes out now'
            end as {{ name }}{{ ',' if not loop.last }}
            {%- endfor %}
        from (select * from asof_recorded where not is_tombstone) as was
        full join asof_again as now_ on {{ asof.same_keys('now_', 'was', keys) }} and now_.as_of = was.as_of
        where
            was.as_of is null
            or now_.as_of is null
            {%- for name in features %}
            or was.{{ name }} is distinct from now_.{{ name }}
            {%- endfor %}
{%- endmacro %}

{#
  `..., asof_again as (...)`: what a group's compiled SQL gives with other moments in place of the clock, and other entities or
  events, as common table expressions of the names that it reads by. clock and entity are queries; events holds queries by
  the event model's name, where not all of its rows are meant.
#}
{% macro evaluated_again_sql(spec, compiled_sql, clock, entity, events={}) -%}
        {{ asof.identifier_of(asof.models_of('clock')[0]) }} as (
            {{ clock }}
        ),
        {{ asof.identifier_of(spec.entity) }} as (
            {{ entity }}
        ),
        {%- for event in spec.events %}
        {{ asof.identifier_of(event) }} as (
            {{ events.get(event.name) or 'select * from ' ~ asof.event_relation(spec.node, event) }}
        ),
        {%- endfor %}
        asof_again as (
            select {{ (spec['keys'] | map(attribute='name') | list + ['as_of'] + asof.recorded_features(spec)) | join(', ') }}
            from (
                {{ compiled_sql }}
            ) as evaluated
        )
{%- endmacro %}

{#
  Whether a group's compiled SQL may look at other entities, which are not to be left out then: it has a window, or more than the
  one query, beside those that asof's joins write.
#}
{% macro reads_other_entities(compiled_sql) %}
    {%- set parsed = asof.parsed_sql(compiled_sql) -%}
    {{- return(parsed is none or parsed.has_window or not parsed.is_one_select) -}}
{% endmacro %}

{# Whether what a group reads was last built with --empty: its views hold nothing then. #}
{% macro is_emptied(spec) %}
    {%- set ids = [asof.literal(spec.entity.unique_id)] -%}
    {%- for event in spec.events -%}{%- do ids.append(asof.literal(event.unique_id)) -%}{%- endfor -%}
    {{- return(run_query('select count(*) from ' ~ asof.registry('results') ~ ' as result inner join ' ~ asof.registry('runs')
        ~ " as run on run.run_id = result.run_id where run.kind = 'empty' and result.unique_id in (" ~ ids | join(', ') ~ ')').rows[0][0] > 0) -}}
{% endmacro %}

{# Which counted moments of a group may be replayed: those after what a person accepted, within the retention of its sources. #}
{% macro may_be_replayed(spec) %}
    {%- set accepted = ["'" ~ spec.id ~ "'"] -%}
    {%- set floors = [] -%}
    {%- for event in spec.events -%}
        {%- do accepted.append("'" ~ event.name ~ "'") -%}
        {%- if event.config.meta.get('retention') -%}
            {%- do floors.append(asof.seconds(event.config.meta.retention, 'the retention of ' ~ event.name)) -%}
        {%- endif -%}
    {%- endfor %}
            group_id = '{{ spec.id }}'
            and started_at > coalesce(
                (select max(accepted_at) from {{ asof.registry('accepted') }} where id in ({{ accepted | join(', ') }})), {{ asof.sql_time('1970-01-01 00:00:00+00:00') }}
            )
            {%- if floors %}
            and as_of > {{ asof.sql_time(asof.time_literal(asof.as_datetime(asof.run_as_of()) - modules.datetime.timedelta(seconds=floors | min))) }}
            {%- endif %}
{%- endmacro %}

{# Those of a group's event models that hold all of these columns. #}
{% macro events_with(spec, columns) %}
    {%- set found = [] -%}
    {%- for event in spec.events -%}
        {%- set names = adapter.get_columns_in_relation(asof.event_relation(spec.node, event)) | map(attribute='name') | list -%}
        {%- if columns | reject('in', names) | list | length == 0 -%}{%- do found.append(event) -%}{%- endif -%}
    {%- endfor -%}
    {{- return(found) -}}
{% endmacro %}

{% macro identifier_of(node) %}
    {{- return(asof.relation_of(node).identifier) -}}
{% endmacro %}

{#
  `dbt run-operation accept_restatement --args '{group: shipment@1, reason: "the carrier sent January anew"}'`: what was recorded
  of a group until now need not come out again. It stays recorded, since it was served; replay starts after it.
#}
{% macro accept_restatement(group, reason) %}
    {%- if not execute -%}{{- return('') -}}{%- endif -%}
    {%- do asof.open_records() -%}
    {%- set name, version = (group ~ '@').split('@')[:2] -%}
    {%- set spec = asof.group_spec(name, version) -%}
    {%- do run_query(asof.insert_sql('accepted', [[spec.id, 'restatement', reason, asof.wall_clock()]])) -%}
    {%- do asof.say('accepted that past points of ' ~ spec.id ~ ' come out differently now: ' ~ reason) -%}
{% endmacro %}
