{#
  Replay: past points of a group are evaluated again, with all that has become known since lying in the tables, and must
  equal what was recorded. A check for asof.problems, part of the feature_group test; none where there is nothing to
  replay.

  The sample is bounded and another one in every run: up to 8 counted moments by lot, and up to 8 that late or corrected
  events reach back over; up to 50 entities by lot, and up to 50 that those events are of; every point of these. A group
  that may look at other entities (by a window or a query of its own) is evaluated for all of them.
  It reaches back to what a person accepted last (accept_restatement, accept_definition, accept_backdating), and no
  further than the `retention` that an event model's meta declares. The var `asof_replay: false` leaves it out.
#}
{% macro replay_check(spec) %}
    {%- set text = asof.text_in_force(spec.id) -%}
    {%- if not var('asof_replay', true) or text is none or load_relation(spec.history) is none
        or asof.is_emptied(spec) -%}
        {{- return(none) -}}
    {%- endif -%}
    {%- set keys = spec['keys'] | map(attribute='name') | list -%}
    {%- set names = keys | join(', ') -%}
    {%- set seed = asof.run_as_of() -%}
    {%- set all_entities = asof.reads_other_entities(text) -%}
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
            select {{ names }}, first_seen_at as asof_occurred_at, first_seen_at as asof_known_at
            from {{ asof.relation_of(spec.entity) }} where false
            {%- endif %}
        ),
        asof_touched as (
            select {{ names }}, as_of
            from asof_late
            inner join asof_eligible on asof_eligible.as_of >= asof_late.asof_occurred_at
                and asof_eligible.as_of < asof_late.asof_known_at
            order by {{ asof.lot(keys + ['as_of'], seed) }}
            limit 50
        ),
        asof_sampled as (
            select as_of
            from (select as_of from asof_eligible order by {{ asof.lot(['as_of'], seed) }} limit 8) as any_moment
            union
            select as_of
            from (
                select distinct as_of
                from asof_touched
                order by {{ asof.lot(['as_of'], seed) }}
                limit 8
            ) as touched_moment
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
        {{ asof.replay_differences_sql(spec, text) }}
    {%- endset -%}
    {%- set rule -%}
        evaluated again, a past point differs from what was recorded. Run `asof prove`. If it is red, a model lets in
        what was not known then, and the proof names it. If it is green, the formula was edited (write it as a new
        version), or a source changed rows of its past (append versions; what it restated once is accepted by
        accept_restatement)
    {%- endset -%}
    {{- return({'rule': modules.re.sub('\s+', ' ', rule), 'sql': sql}) -}}
{% endmacro %}

{#
  Whether a group's compiled SQL may look at other entities, which are not to be left out then: it has a window, or
  more than the one query, beside those that asof's joins write.
#}
{% macro reads_other_entities(compiled_sql) %}
    {%- set parsed = asof.parsed_sql([compiled_sql]) | first -%}
    {{- return(not parsed or parsed.has_window or not parsed.is_one_select) -}}
{% endmacro %}
