{# Where what a group gave is from: its moment, the recorded row, and the events known then. #}
{% macro explain_group(group) %}
    {%- set spec, name = group.spec, group.name -%}
    {%- set features = spec.features | map(attribute='name') | list -%}
    {%- set keys = spec['keys'] | map(attribute='name') | list -%}
    {%- set counted = '(select * from ' ~ asof.registry('counted_moments') ~ " where group_id = '" ~ spec.id ~ "')" -%}
    {%- set at_sql -%}
        select
            asof_as_of_{{ name }} as as_of,
            asof_is_backfilled_{{ name }} as is_backfilled,
            asof_max_age_seconds_{{ name }} as max_age_seconds,
            {{ asof.group_status(name) }} as status
        from asof_explained
    {%- endset -%}
    {%- set at = asof.texts_of(at_sql, ['as_of', 'is_backfilled', 'max_age_seconds', 'status']) -%}
    {%- set same = [] -%}
    {%- for key in keys -%}
        {%- set found_by = group.via_column if group.via else group['keys'][loop.index0] -%}
        {%- do same.append('asof_found.' ~ key ~ ' = (select ' ~ found_by ~ ' from asof_explained)') -%}
    {%- endfor -%}
    {%- set row_sql -%}
        select *
        from {{ spec.history }} as asof_found
        where
            {{ same | join(' and ') }}
            and as_of <= (select asof_as_of_{{ name }} from asof_explained)
            and run_id in (select run_id from {{ counted }} as counted)
        order by as_of desc
        limit 1
    {%- endset -%}
    {%- set row = asof.texts_of(row_sql, keys + ['as_of', 'run_id', 'is_tombstone'] + features) -%}
    {%- set moment_sql -%}
        select moment.*, run.command, definition.compiled_sql
        from {{ counted }} as moment
        left join {{ asof.registry('runs') }} as run on run.run_id = moment.run_id
        left join {{ asof.registry('definitions') }} as definition
            on definition.id = moment.group_id
            and {{ asof.is_equal_definition('definition', 'moment') }}
        where moment.as_of = (select asof_as_of_{{ name }} from asof_explained)
    {%- endset -%}
    {%- set moment = asof.texts_of(moment_sql,
        ['run_id', 'kind', 'definition', 'started_at', 'finished_at', 'command', 'compiled_sql']) -%}
    {%- set compiled_sql = moment.pop('compiled_sql') if moment is not none else none -%}
    {%- do at.update({'group': spec.id, 'lookup': name, 'via': group.via.group ~ '.' ~ group.via.column if group.via
        else none, 'file': spec.node.original_file_path,
        'moment': moment, 'row': row, 'events': []}) -%}
    {%- if row is not none and row.is_tombstone == 'false' -%}
        {%- set engine = asof.last_handover().engine -%}
        {%- if engine -%}
            {%- do at.update({'evaluated_again': 'not known, and no events are shown: both are in ' ~ engine
                ~ ', which explain does not read'}) -%}
            {{- return(at) -}}
        {%- endif -%}
        {%- set only_it = compiled_sql is not none and not asof.reads_other_entities(compiled_sql) -%}
        {%- set entity -%}
            select asof_found.*
            from {{ asof.relation_of(spec.entity) }} as asof_found
            {{ 'where ' ~ same | join(' and ') if only_it else '' }}
        {%- endset -%}
        {%- set again = none -%}
        {%- if compiled_sql is not none -%}
            {%- set again = asof.evaluated_one(spec, compiled_sql, at.as_of, entity, same, features) -%}
            {%- do at.update({'evaluated_again': 'gone' if again is none else ('same'
                if asof.differing(row, again, features) | length == 0 else asof.differing(row, again, features))}) -%}
        {%- else -%}
            {%- do at.update({'evaluated_again': 'its definition is another one now'}) -%}
        {%- endif -%}
        {%- for event in asof.events_with(spec, keys) -%}
            {%- do at.events.append(asof.explain_events(spec, event, at.as_of, same, compiled_sql, entity, again,
                features)) -%}
        {%- endfor -%}
    {%- endif -%}
    {{- return(at) -}}
{% endmacro %}
