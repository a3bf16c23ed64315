{#
  `dbt run-operation explain --args '{service: late_delivery@1, request: {order_id: O-204}, at: "2026-05-01T09:00:00Z"}'`: what the API
  answered, or would have, and where each value is from, as one line of JSON (`asof explain` makes it readable): the
  publication; per group the moment, the run, the definition and the recorded row; and the events that were known then, with
  what would have come out without each. Values are text, as the warehouse spells them; times RFC 3339 UTC.

  request: the keys, and request columns where they matter. sequence_number: of the publication that answered, where a log names
  it. Errors: an unknown service or column, a missing key, a time beyond now.
#}
{% macro explain(service, request, at, sequence_number=none) %}
    {%- if not execute -%}{{- return('') -}}{%- endif -%}
    {%- do asof.open_records() -%}
    {%- set spec = asof.service_named(service) -%}
    {%- set moment = asof.parse_time(at, 'at') -%}
    {%- if moment > asof.now() -%}
        {{- asof.refuse('at is ' ~ moment ~ ', which lies beyond now (' ~ asof.now() ~ '): nothing was answered yet.') -}}
    {%- endif -%}
    {%- set asked = asof.look_up_one(spec, request, moment, sequence_number) -%}
    {%- set found = {'service': spec.id, 'request': request, 'prediction_time': asof.rfc3339(moment)} -%}
    {%- set placed = asof.texts_of('select asof_sequence_number from asof_explained', ['asof_sequence_number']) -%}
    {%- if placed is none -%}
        {%- set lost = run_query('select row_id from ' ~ asof.lost_examples(spec, asked, true) ~ ' as lost').rows -%}
        {%- do found.update({'status': 'LOST' if lost | length else 'NO_SNAPSHOT'}) -%}
        {%- do print(tojson(found)) -%}
        {{- return('') -}}
    {%- endif -%}
    {%- set features = spec.features | map(attribute='name') | list -%}
    {%- set answer = asof.texts_of('with asof_looked_up as (select * from asof_explained), asof_answers as (' ~ asof.service_manifest(spec).sql ~ ') select * from asof_answers',
        ['status', 'rejected_columns'] + features) -%}
    {%- set publication = asof.texts_of('select * from ' ~ asof.registry('publications') ~ ' where sequence_number = ' ~ (placed.asof_sequence_number or 'null') ~ ' limit 1',
        ['sequence_number', 'snapshot_id', 'published_at', 'kind']) -%}
    {%- do found.update({'status': answer.status, 'rejected': answer.rejected_columns, 'publication': publication, 'features': {}, 'groups': []}) -%}
    {%- for name in features -%}{%- do found.features.update({name: answer[name]}) -%}{%- endfor -%}
    {%- for group in spec.groups -%}{%- do found.groups.append(asof.explain_group(group)) -%}{%- endfor -%}
    {%- do print(tojson(found)) -%}
{% endmacro %}

{# One request, looked up: the temporary table asof_explained, empty where there was no snapshot. Returns the request as an example. #}
{% macro look_up_one(spec, request, moment, sequence_number) %}
    {%- set known, columns = [], [] -%}
    {%- for column in spec['keys'] + spec.request -%}
        {%- do known.append(column.name) -%}
        {%- do columns.append('cast(' ~ asof.literal(request.get(column.name)) ~ ' as ' ~ column.type ~ ') as ' ~ column.name) -%}
    {%- endfor -%}
    {%- for key in spec['keys'] if request.get(key.name) is none -%}
        {{- asof.refuse(spec.id ~ ' is asked by ' ~ spec['keys'] | map(attribute='name') | join(', ') ~ ': ' ~ key.name ~ ' is missing.') -}}
    {%- endfor -%}
    {%- for name in request if name not in known -%}
        {{- asof.refuse(spec.id ~ ' takes no ' ~ name ~ '; it takes ' ~ known | join(', ') ~ '.') -}}
    {%- endfor -%}
    {%- set asked = "(select 'asked' as row_id, " ~ columns | join(', ') ~ ', ' ~ asof.sql_time(moment) ~ ' as prediction_time, cast('
        ~ asof.literal(sequence_number) ~ ' as bigint) as sequence_number) as asof_asked' -%}
    {%- do run_query('create temporary table asof_explained as ' ~ asof.looked_up_sql(spec, asked, has_sequence_number=true) ~ ' select * from asof_looked_up') -%}
    {{- return(asked) -}}
{% endmacro %}

{# The first row of a query as {column: text}, or none. Times come as RFC 3339. #}
{% macro texts_of(sql, columns) %}
    {%- set selected = [] -%}
    {%- for name in columns -%}{%- do selected.append(asof.text_of(name)) -%}{%- endfor -%}
    {%- set rows = run_query('select ' ~ selected | join(', ') ~ ' from (' ~ sql ~ ') as asof_found').rows -%}
    {%- if rows | length == 0 -%}{{- return(none) -}}{%- endif -%}
    {%- set found = {} -%}
    {%- for name in columns -%}{%- do found.update({name: rows[0][loop.index0]}) -%}{%- endfor -%}
    {{- return(found) -}}
{% endmacro %}

{# Where what a group gave is from: its moment, the recorded row, and the events known then. #}
{% macro explain_group(group) %}
    {%- set spec, name = group.spec, group.name -%}
    {%- set features = spec.features | map(attribute='name') | list -%}
    {%- set keys = spec['keys'] | map(attribute='name') | list -%}
    {%- set counted = '(select * from ' ~ asof.registry('counted_moments') ~ " where group_id = '" ~ spec.id ~ "')" -%}
    {%- set at = asof.texts_of('select asof_as_of_' ~ name ~ ' as as_of, asof_is_backfilled_' ~ name ~ ' as is_backfilled, asof_max_age_seconds_' ~ name
        ~ ' as max_age_seconds, ' ~ asof.group_status(name) ~ ' as status from asof_explained', ['as_of', 'is_backfilled', 'max_age_seconds', 'status']) -%}
    {%- set same = [] -%}
    {%- for key in keys -%}
        {%- set found_by = group.via_column if group.via else group['keys'][loop.index0] -%}
        {%- do same.append('asof_found.' ~ key ~ ' = (select ' ~ found_by ~ ' from asof_explained)') -%}
    {%- endfor -%}
    {%- set row = asof.texts_of('select * from ' ~ spec.history ~ ' as asof_found where ' ~ same | join(' and ') ~ ' and as_of <= (select asof_as_of_' ~ name ~ ' from asof_explained)'
        ~ ' and run_id in (select run_id from ' ~ counted ~ ' as counted) order by as_of desc limit 1', keys + ['as_of', 'run_id', 'is_tombstone'] + features) -%}
    {%- set moment = asof.texts_of('select moment.*, run.command, definition.compiled_sql from ' ~ counted ~ ' as moment left join ' ~ asof.registry('runs')
        ~ ' as run on run.run_id = moment.run_id left join ' ~ asof.registry('definitions') ~ ' as definition on definition.id = moment.group_id and '
        ~ asof.is_equal_definition('definition', 'moment') ~ ' where moment.as_of = (select asof_as_of_' ~ name ~ ' from asof_explained)',
        ['run_id', 'kind', 'definition', 'started_at', 'finished_at', 'command', 'compiled_sql']) -%}
    {%- set compiled_sql = moment.pop('compiled_sql') if moment is not none else none -%}
    {%- do at.update({'group': spec.id, 'lookup': name, 'via': group.via.group ~ '.' ~ group.via.column if group.via else none, 'file': spec.node.original_file_path,
        'moment': moment, 'row': row, 'events': []}) -%}
    {%- if row is not none and row.is_tombstone == 'false' -%}
        {%- set only_it = compiled_sql is not none and not asof.reads_other_entities(compiled_sql) -%}
        {%- set entity = 'select asof_found.* from ' ~ asof.relation_of(spec.entity) ~ ' as asof_found'
            ~ (' where ' ~ same | join(' and ') if only_it else '') -%}
        {%- set again = none -%}
        {%- if compiled_sql is not none -%}
            {%- set again = asof.evaluated_one(spec, compiled_sql, at.as_of, entity, same, features) -%}
            {%- do at.update({'evaluated_again': 'gone' if again is none else ('same' if asof.differing(row, again, features) | length == 0 else asof.differing(row, again, features))}) -%}
        {%- else -%}
            {%- do at.update({'evaluated_again': 'its definition is another one now'}) -%}
        {%- endif -%}
        {%- for event in asof.events_with(spec, keys) -%}
            {%- do at.events.append(asof.explain_events(spec, event, at.as_of, same, compiled_sql, entity, again, features)) -%}
        {%- endfor -%}
    {%- endif -%}
    {{- return(at) -}}
{% endmacro %}

{# The newest 20 events of an entity that were known at a moment, each with what the group gives without it. #}
{% macro explain_events(spec, event, as_of, same, compiled_sql, entity, again, features) %}
    {%- set relation = asof.event_relation(spec.node, event) -%}
    {%- set at = asof.sql_time(asof.parse_time(as_of, 'as_of')) -%}
    {%- set columns = adapter.get_columns_in_relation(relation) | map(attribute='name') | list -%}
    {%- set selected = [] -%}
    {%- for name in columns -%}{%- do selected.append(asof.text_of(name)) -%}{%- endfor -%}
    {%- set known = ' from ' ~ relation ~ ' as asof_found where ' ~ same | join(' and ') ~ ' and occurred_at <= ' ~ at ~ ' and known_at <= ' ~ at -%}
    {%- set shown = [] -%}
    {%- for row in run_query('select ' ~ selected | join(', ') ~ known ~ ' order by asof_found.occurred_at desc, asof_found.known_at desc, asof_found.event_id desc limit 20').rows -%}
        {%- set one = {} -%}
        {%- for name in columns -%}{%- do one.update({name: row[loop.index0]}) -%}{%- endfor -%}
        {%- set said = {'event': one} -%}
        {%- if again is not none -%}
            {%- set others = 'select * from ' ~ relation ~ " as asof_found where not (cast(event_id as varchar) = " ~ asof.literal(one.event_id)
                ~ ' and known_at = ' ~ asof.sql_time(asof.parse_time(one.known_at, 'known_at')) ~ ')' -%}
            {%- set without = asof.evaluated_one(spec, compiled_sql, as_of, entity, same, features, {event.name: others}) -%}
            {%- do said.update({'without_it': asof.differing(again, without, features) if without is not none else {}}) -%}
        {%- endif -%}
        {%- do shown.append(said) -%}
    {%- endfor -%}
    {{- return({'model': event.name, 'known': run_query('select count(*)' ~ known).rows[0][0] | int, 'newest': shown}) -}}
{% endmacro %}

{# What a group's SQL gives for one entity at a moment, as texts. #}
{% macro evaluated_one(spec, compiled_sql, as_of, entity, same, features, events={}) %}
    {{- return(asof.texts_of('with ' ~ asof.evaluated_again_sql(spec, compiled_sql, 'select ' ~ asof.sql_time(asof.parse_time(as_of, 'as_of')) ~ ' as as_of', entity, events)
        ~ ' select * from asof_again as asof_found where ' ~ same | join(' and '), features)) -}}
{% endmacro %}

{# Of these columns those that differ, as {name: what the second one says}. #}
{% macro differing(one, other, columns) %}
    {%- set found = {} -%}
    {%- for name in columns if one[name] != other[name] -%}{%- do found.update({name: other[name]}) -%}{%- endfor -%}
    {{- return(found) -}}
{% endmacro %}
