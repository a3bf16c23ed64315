{#
  Lets the record follow the pointer. By itself only where nothing is lost: one publication behind, with the rows that
  it served in this warehouse, as a kill between pointer and record leaves it. Any other record that ends before the
  pointer is that of an older copy. Going on from it cannot be undone, so a person says so (accept_loss, whose reason
  is given here).
#}
{% macro repair_record(reason=none) %}
    {%- set pointer = asof.pointer() -%}
    {%- if pointer is none -%}{{- return(none) -}}{%- endif -%}
    {%- set newest = asof.newest_publication() -%}
    {%- set recorded = newest.sequence_number if newest is not none else 0 -%}
    {%- set path = asof.publish_folder() ~ '/current.json' -%}
    {%- if pointer.sequence_number == recorded -%}
        {%- if pointer.snapshot_id != newest.snapshot_id -%}
            {{- asof.refuse('publication ' ~ recorded ~ ' is ' ~ newest.snapshot_id ~ ' in the record but '
                ~ pointer.snapshot_id ~ ' in ' ~ path ~ ': this folder belongs to another warehouse. Point '
                ~ 'ASOF_PUBLISHED (or asof_publish_to) at the right one.') -}}
        {%- endif -%}
    {%- elif pointer.sequence_number < recorded -%}
        {{- asof.refuse('the publication record ends at ' ~ recorded ~ ' but ' ~ path ~ ' is publication '
            ~ pointer.sequence_number ~ ': it is an older copy of the folder. Restore the newer one, or empty the '
            ~ 'folder: the next green build then publishes as ' ~ (recorded + 1) ~ '. Going on would number two '
            ~ 'different snapshots alike.') -}}
    {%- else -%}
        {%- set skipped = pointer.sequence_number - recorded - 1 -%}
        {%- set gone = [] -%}
        {%- for id, group in asof.current_manifest(pointer).groups.items() if not asof.has_run('moments', id,
            group.run_id) and not asof.has_run('publications', id, group.run_id, is_lost=true) -%}
            {%- do gone.append(id) -%}
        {%- endfor -%}
        {%- set is_loss = skipped > 0 or gone | length > 0 -%}
        {%- if is_loss and reason is none -%}
            {{- asof.refuse('the publication record ends at ' ~ recorded ~ ' but ' ~ path ~ ' is publication '
                ~ pointer.sequence_number ~ ' (made at ' ~ pointer.published_at ~ '), and this warehouse does not '
                ~ 'hold what was served' ~ (' since ' ~ asof.rfc3339(newest.published_at if skipped > 0
                else pointer.published_at)
                if newest is not none else '') ~ ': it is an older copy of the one that published there, or '
                    ~ 'another one. If there is a newer copy, restore it; if the folder is the wrong one, point '
                    ~ 'ASOF_PUBLISHED (or asof_publish_to) at the right one. If the rows are gone for good, say '
                    ~ 'so: dbt run-operation accept_loss --args \'{reason: "..."}\'. Numbering then goes on from '
                    ~ pointer.sequence_number ~ ', and examples of the hours whose rows are gone are left out of '
                    ~ 'training as lost.') -}}
        {%- endif -%}
        {%- do asof.fault_point('before_repair') -%}
        {%- set first = [] -%}
        {%- if is_loss -%}
            {#- what was built before is older than what is served: only a new build may publish -#}
            {%- do first.append('update ' ~ asof.registry('runs') ~ " set kind = 'lost' where kind = 'normal'") -%}
            {%- do first.append(asof.insert_sql('accepted', [['publication ' ~ pointer.sequence_number, 'loss',
                reason, asof.wall_clock()]])) -%}
        {%- endif -%}
        {%- if skipped > 0 -%}{%- do first.append(asof.lost_publications_sql(newest, pointer)) -%}{%- endif -%}
        {%- do asof.record_publication(pointer, first) -%}
        {%- do asof.fault_point('after_repair') -%}
        {%- if not is_loss -%}
            {%- do asof.say('publication ' ~ pointer.sequence_number ~ ' was made but not recorded (its command '
                ~ 'was interrupted): recorded now.') -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}
