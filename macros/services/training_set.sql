{#
  `dbt run-operation training_set --args '{service: late_delivery@1, examples: "asked.parquet", cutoff: "2026-05-01T00:00:00Z"}'`: writes
  the training rows of any examples as a set that can be named and built again: `<training folder>/sets/<service>_v<n>-<id>.parquet`,
  the examples beside it (`.examples.parquet`), and last its manifest (`.json`), whose path is printed.

  service: of its latest version unless said. examples: a Parquet or CSV file with the keys, prediction_time, request columns, and if
  it has them row_id, sequence_number and the labels with label_known_at; the service's examples model unless said. cutoff: what was asked or
  known later is left out, as in asof_training_cutoff; the run's now unless said. every: also the examples that are no training rows
  (rejected, without a snapshot, lost, not yet labelled) have a row, with their status.

  The id is the hash of what determines the rows: the same definition, cut-off, examples and looked-up history give the same id and
  the same bytes, whenever and wherever they are built. A set that is there is never written again.
  Errors: examples that the API would have refused, by column and row.
#}
{% macro training_set(service, examples=none, cutoff=none, every=false) %}
    {%- if not execute -%}{{- return('') -}}{%- endif -%}
    {%- if asof.training_folder() is none -%}
        {{- asof.refuse('the target ' ~ target.name ~ ' writes no training sets. Name a folder for it in dbt_project.yml: `vars: {asof_training_to: {' ~ target.name ~ ': training}}`.') -}}
    {%- endif -%}
    {%- do asof.open_records() -%}
    {%- set spec = asof.service_named(service) -%}
    {%- set now = asof.now() -%}
    {%- set cutoff = asof.parse_time(cutoff, 'cutoff') if cutoff is not none else now -%}
    {%- if cutoff > now -%}
        {{- asof.refuse('the cutoff is ' ~ cutoff ~ ', which lies beyond now (' ~ now ~ '): nothing is known of that moment yet.') -}}
    {%- endif -%}
    {%- set source = asof.examples_file(examples) if examples is not none else asof.examples_table(spec) -%}
    {%- set given = asof.take_examples(spec, source, cutoff, now, examples is not none) -%}
    {%- do asof.answer_examples(spec, given) -%}

    {%- set described = asof.describe_set(spec, given, cutoff, every) -%}
    {%- set folder = asof.training_folder() ~ '/sets' -%}
    {%- set name = spec.base ~ '-' ~ described.id -%}
    {%- set manifest_path = folder ~ '/' ~ name ~ '.json' -%}
    {%- set existing = asof.read_text(manifest_path) -%}
    {%- if existing -%}
        {%- do asof.check_set_files(folder, fromjson(existing)) -%}
        {%- do asof.say('the training set ' ~ name ~ ' is there already; the same inputs give the same set.') -%}
    {%- else -%}
        {%- do asof.write_set(spec, given, cutoff, every, folder, name, described) -%}
    {%- endif -%}
    {%- if given.later -%}
        {%- do asof.say(given.later ~ ' examples were asked at or after the cut-off ' ~ asof.rfc3339(cutoff) ~ ' and left out.') -%}
    {%- endif -%}
    {%- do print(manifest_path) -%}
{% endmacro %}

{# A service by `name` (its latest version) or `name@version`: its spec. #}
{% macro service_named(service) %}
    {%- if '@' in service -%}
        {{- return(asof.service_spec(service.split('@')[0], service.split('@')[1])) -}}
    {%- endif -%}
    {%- for node in asof.models_of('service') if node.name == service -%}
        {{- return(asof.service_spec(service, node.latest_version)) -}}
    {%- endfor -%}
    {{- asof.refuse('there is no service ' ~ service ~ ' in models/services. There are: '
        ~ asof.ids_of('service') ~ '.') -}}
{% endmacro %}

{#
  Takes examples as they are at the cut-off into the temporary table asof_set_examples: what was asked before it, labels known by
  then (null otherwise), of the declared types, checked. Returns {has_labels, has_sequence_number, columns: [name, type], later: how
  many were asked after the cut-off}. now: all were asked before it. is_file: no column is passed over but left_out, which sets keep.
#}
{% macro take_examples(spec, source, cutoff, now, is_file) %}
    {%- set time = asof.type_timestamptz() -%}
    {%- set row_id, moment = {'name': 'row_id', 'type': 'varchar'}, {'name': 'prediction_time', 'type': time} -%}
    {%- set number, label_known_at = {'name': 'sequence_number', 'type': 'bigint'}, {'name': 'label_known_at', 'type': time} -%}
    {%- set given = asof.columns_of(source) -%}
    {%- set label_names = (spec.labels + [label_known_at]) | map(attribute='name') | list -%}
    {%- set has_labels = label_names | select('in', given) | list | length > 0 -%}
    {%- set has_sequence_number = 'sequence_number' in given -%}
    {%- set optional = [] -%}
    {%- for column in spec.request if column.meta.get('optional', false) -%}{%- do optional.append(column.name) -%}{%- endfor -%}
    {%- set columns = [row_id] + spec['keys'] + [moment] + spec.request + ([number] if has_sequence_number else [])
        + (spec.labels + [label_known_at] if has_labels else []) -%}

    {%- set wrong, known = [], ['asof_place', 'left_out', 'row_id'] -%}
    {%- for column in columns -%}
        {%- do known.append(column.name) -%}
        {%- if column.name not in given -%}
            {%- if column.name != 'row_id' and column.name not in optional -%}{%- do wrong.append('the column ' ~ column.name ~ ' is missing') -%}{%- endif -%}
        {%- elif is_file and column.name != 'row_id' -%}
            {%- set never = asof.never_as(given[column.name], column.type) -%}
            {#- a column without any value may be of any type -#}
            {%- if never and run_query('select count(' ~ column.name ~ ') from ' ~ source ~ ' as given').rows[0][0] > 0 -%}{%- do wrong.append('the column ' ~ column.name ~ ' is ' ~ given[column.name] ~ ', not ' ~ column.type ~ ': ' ~ never) -%}{%- endif -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for name in given if is_file and name not in known -%}{%- do wrong.append('the column ' ~ name ~ ' is none of theirs') -%}{%- endfor -%}
    {%- if wrong -%}
        {%- set expected = [] -%}
        {%- for column in spec['keys'] + [moment] + spec.request -%}{%- do expected.append(column.name ~ ' ' ~ column.type ~ (' (optional)' if column.name in optional else '')) -%}{%- endfor -%}
        {{- asof.refuse('these examples are not those of ' ~ spec.id ~ ': ' ~ wrong | join('; ') ~ '. Expected: ' ~ expected | join(', ')
            ~ '; if you have them row_id, sequence_number, and the labels: ' ~ label_names | join(', ') ~ ' (all or none).') -}}
    {%- endif -%}

    {%- set place = 'cast(' ~ ('row_id' if 'row_id' in given else 'asof_place') ~ ' as varchar)' -%}
    {%- set selected, lost = [], [] -%}
    {%- for column in columns -%}
        {%- if column.name == 'row_id' -%}
            {%- do selected.append(place ~ ' as row_id') -%}
        {%- elif column.name not in given -%}
            {%- do selected.append('cast(null as ' ~ column.type ~ ') as ' ~ column.name) -%}
        {%- else -%}
            {%- do selected.append(asof.try_cast(column.name, column.type) ~ ' as ' ~ column.name) -%}
            {%- do lost.append({'rule': 'what ' ~ column.name ~ ' holds is no ' ~ column.type ~ ', or would have to be rounded',
                'sql': 'select ' ~ place ~ ' as row_id, ' ~ column.name ~ ' from ' ~ source ~ ' as given where '
                    ~ asof.is_another_as(column.name, given[column.name], column.type)}) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do asof.refuse_problems(lost, 'these examples are not those of ' ~ spec.id) -%}

    {%- do run_query('create temporary table asof_set_given as select ' ~ selected | join(', ') ~ ' from ' ~ source ~ ' as given') -%}
    {%- do asof.refuse_problems(asof.example_checks('asof_set_given', asof.sql_time(now)) + asof.request_checks('asof_set_given', spec)
        + (asof.label_checks('asof_set_given', spec) if has_labels else []),
        'these examples are not those of ' ~ spec.id) -%}
    {%- set at = asof.sql_time(cutoff) -%}
    {%- set kept, typed = [], [] -%}
    {%- for column in columns -%}
        {%- do kept.append('case when label_known_at <= ' ~ at ~ ' then ' ~ column.name ~ ' end as ' ~ column.name if has_labels and column.name in label_names else column.name) -%}
        {%- do typed.append([column.name, column.type]) -%}
    {%- endfor -%}
    {%- do run_query('create temporary table asof_set_examples as select ' ~ kept | join(', ') ~ ' from asof_set_given where prediction_time < ' ~ at) -%}
    {%- set later = run_query('select (select count(*) from asof_set_given) - (select count(*) from asof_set_examples)').rows[0][0] | int -%}
    {{- return({'has_labels': has_labels, 'has_sequence_number': has_sequence_number, 'columns': typed, 'later': later}) -}}
{% endmacro %}

{# The examples model of a service, built. #}
{% macro examples_table(spec) %}
    {%- set relation = asof.relation_of(spec.examples_node) -%}
    {%- if load_relation(relation) is none -%}
        {{- asof.refuse('the examples model ' ~ spec.examples_node.name ~ ' was never built in this warehouse: run `dbt build`.') -}}
    {%- endif -%}
    {{- return(relation) -}}
{% endmacro %}

{# The rows of an examples file, as a subquery. #}
{% macro examples_file(path) %}
    {%- if '*' in path or not asof.file_exists(path) -%}
        {{- asof.refuse('there is no file ' ~ path ~ ' to take examples from.') -}}
    {%- endif -%}
    {%- set rows = asof.file_rows(path) -%}
    {%- if rows is none -%}
        {{- asof.refuse('examples come as Parquet (.parquet) or as CSV with a header (.csv), not as ' ~ path ~ '.') -}}
    {%- endif -%}
    {{- return(rows) -}}
{% endmacro %}

{# Refuses what any of the checks finds, naming how many rows and one of them. #}
{% macro refuse_problems(checks, what) %}
    {%- set found = [] -%}
    {%- for row in run_query(asof.problems(checks)).rows -%}
        {%- do found.append(row[0] ~ ' (' ~ row[1] ~ (' rows' if row[1] | int > 1 else ' row') ~ ', for example ' ~ row[2] ~ ')') -%}
    {%- endfor -%}
    {%- if found -%}{{- asof.refuse(what ~ ': ' ~ found | join('; ') ~ '.') -}}{%- endif -%}
{% endmacro %}

{#
  What the API would have answered to asof_set_examples, in temporary tables: asof_set_rows, what it would have looked up for
  them, asof_set_answers, what the service's text, as last built, makes of that, and asof_set_lost, which of them are lost.
#}
{% macro answer_examples(spec, given) %}
    {%- do run_query('create temporary table asof_set_rows as ' ~ asof.looked_up_sql(spec, 'asof_set_examples', has_sequence_number=given.has_sequence_number)
        ~ ' select ' ~ asof.set_row_columns(spec) | join(', ') ~ ' from asof_looked_up') -%}
    {%- do run_query('create temporary table asof_set_answers as with asof_looked_up as (select * from asof_set_rows), asof_answers as ('
        ~ asof.service_manifest(spec).sql ~ ') select * from asof_answers') -%}
    {%- do run_query('create temporary table asof_set_lost as select row_id from '
        ~ asof.lost_examples(spec, 'asof_set_examples', given.has_sequence_number) ~ ' as lost') -%}
{% endmacro %}

{# The columns of asof_set_rows: all that the service's text sees, and where it is from. #}
{% macro set_row_columns(spec) %}
    {{- return(spec.looked_up | map(attribute='name') | list + ['asof_sequence_number', 'asof_is_backfilled']) -}}
{% endmacro %}

{# What determines a set, and its id, the hash of that: the part of the manifest that is known before anything is written. #}
{% macro describe_set(spec, given, cutoff, every) %}
    {%- set group_ids = [] -%}
    {%- for group in spec.groups -%}{%- do group_ids.append(asof.literal(group.group)) -%}{%- endfor -%}
    {%- set examples = run_query('select count(*), cast(' ~ asof.checksum(given.columns | map('first') | list) ~ ' as varchar) from asof_set_examples').rows[0] -%}
    {%- set rows = run_query('select count(*), count(*) filter (where asof_is_backfilled), cast(' ~ asof.checksum(asof.set_row_columns(spec)) ~ ' as varchar) from asof_set_rows').rows[0] -%}
    {%- set numbers = run_query('select min(asof_sequence_number), max(asof_sequence_number), count(distinct asof_sequence_number) from asof_set_rows').rows[0] -%}
    {#- snapshot and run ids are random: left out, so that the same content gives the same set in any warehouse -#}
    {%- set record = run_query('select cast(' ~ asof.checksum(['sequence_number', 'published_at', 'kind', 'group_id', 'as_of', 'max_age_seconds']) ~ ' as varchar) from '
        ~ asof.registry('publications') ~ ' where sequence_number in (select asof_sequence_number from asof_set_rows) and group_id in (' ~ group_ids | join(', ') ~ ')').rows[0][0] -%}
    {%- set groups = {} -%}
    {%- for group in spec.groups -%}
        {%- set definitions = [] -%}
        {%- for row in run_query('select distinct definition from ' ~ asof.registry('counted_moments') ~ ' where group_id = ' ~ asof.literal(group.group)
                ~ ' and as_of in (select asof_as_of_' ~ group.name ~ ' from asof_set_rows) order by 1').rows -%}{%- do definitions.append(row[0]) -%}{%- endfor -%}
        {%- do groups.update({group.group: definitions}) -%}
    {%- endfor -%}
    {%- set inputs = {
        'format': 1, 'service': spec.name, 'version': spec.version, 'definition': asof.service_manifest(spec).definition, 'groups': groups,
        'cutoff': asof.rfc3339(cutoff), 'every': every,
        'keys': spec['keys'] | map(attribute='name') | list, 'labels': spec.labels | map(attribute='name') | list if given.has_labels else [],
        'examples': {'rows': examples[0] | int, 'columns': given.columns, 'digest': examples[1]},
        'looked_up': {'rows': rows[0] | int, 'backfilled': rows[1] | int, 'digest': rows[2]},
        'publications': {'first': numbers[0] | int if numbers[0] is not none else none, 'last': numbers[1] | int if numbers[1] is not none else none,
            'count': numbers[2] | int, 'digest': record},
    } -%}
    {%- set lost = run_query('select count(*), cast(' ~ asof.checksum(['row_id']) ~ ' as varchar) from asof_set_lost').rows[0] -%}
    {%- if lost[0] | int > 0 -%}{%- do inputs.update({'lost': {'rows': lost[0] | int, 'digest': lost[1]}}) -%}{%- endif -%}
    {%- set described = {'id': asof.sha256(tojson(inputs))[:16]} -%}
    {%- do described.update(inputs) -%}
    {{- return(described) -}}
{% endmacro %}

{# Writes a set: its rows, the examples it is of, and last, so that only a whole set is one, its manifest. #}
{% macro write_set(spec, given, cutoff, every, folder, name, described) %}
    {%- do asof.make_private_folder(folder) -%}
    {%- set left_out = asof.left_out(asof.sql_time(cutoff), given.has_labels) -%}
    {%- do run_query('create temporary table asof_set as '
        ~ asof.training_columns_sql(spec, 'asof_set_answers', 'asof_set_rows', 'asof_set_examples', 'asof_set_lost', given.has_labels,
            ['asof_answer.rejected_columns', left_out ~ ' as left_out'])) -%}
    {%- set counts, left = {}, {} -%}
    {%- for why in asof.reasons_left_out() -%}{%- do left.update({why: 0}) -%}{%- endfor -%}
    {%- for row in run_query('select status, count(*) from asof_set group by 1 order by 1').rows -%}{%- do counts.update({row[0]: row[1] | int}) -%}{%- endfor -%}
    {%- for row in run_query('select left_out, count(*) from asof_set where left_out is not null group by 1').rows -%}{%- do left.update({row[0]: row[1] | int}) -%}{%- endfor -%}

    {%- set hidden = ['left_out'] if every else ['left_out', 'rejected_columns'] -%}
    {%- set shown = asof.columns_of('asof_set').keys() | reject('in', hidden) | list -%}
    {%- set rows_sql = 'select ' ~ shown | join(', ') ~ ' from asof_set' ~ ('' if every else ' where left_out is null') -%}
    {%- set written = asof.export_parquet(rows_sql ~ ' order by prediction_time, row_id', folder ~ '/' ~ name ~ '.parquet') -%}
    {%- do asof.fault_point('between_set_files') -%}
    {%- set examples_written = asof.export_parquet('select asof_example.*, asof_answered.left_out from asof_set_examples as asof_example inner join asof_set as asof_answered '
        ~ 'on asof_answered.row_id = asof_example.row_id order by asof_example.prediction_time, asof_example.row_id', folder ~ '/' ~ name ~ '.examples.parquet') -%}
    {%- set profiles = {} -%}
    {%- for column in spec.features + (spec.labels if given.has_labels else []) -%}
        {%- do profiles.update({column.name: {'type': column.type, 'profile': asof.column_profile('(' ~ rows_sql ~ ') as set_rows', column)}}) -%}
    {%- endfor -%}
    {%- set manifest = {} -%}
    {%- do manifest.update(described) -%}
    {%- do manifest.update({
        'statuses': counts, 'left_out': left, 'columns': profiles,
        'files': {'rows': {'file': name ~ '.parquet', 'rows': written.rows, 'bytes': written.bytes, 'sha256': written.sha256},
            'examples': {'file': name ~ '.examples.parquet', 'rows': examples_written.rows, 'bytes': examples_written.bytes, 'sha256': examples_written.sha256}},
        'made': {'created_at': asof.rfc3339(asof.now(ticking=true)), 'now_injected': asof.now_is_injected(), 'invocation_id': invocation_id,
            'code_version': env_var('ASOF_CODE_VERSION', '') or none},
    }) -%}
    {%- do asof.fault_point('before_set_manifest') -%}
    {%- do asof.write_text(folder ~ '/' ~ name ~ '.json', tojson(manifest)) -%}
    {%- do asof.say('wrote the training set ' ~ name ~ ': ' ~ written.rows ~ ' rows of ' ~ described.examples.rows ~ ' examples; '
        ~ ('among them' if every else 'left out') ~ ': ' ~ asof.left_out_in_words(left) ~ '.') -%}
{% endmacro %}

{# A set is never written again; that its files are those it was written with is seen by their hashes. #}
{% macro check_set_files(folder, manifest) %}
    {%- for written in manifest.files.values() -%}
        {%- set path = folder ~ '/' ~ written.file -%}
        {%- if not asof.file_exists(path) or asof.file_sha256(path) != written.sha256 -%}
            {{- asof.refuse('the file ' ~ path ~ ' is gone or was changed since the set was written. Put it back, or delete the set (its .json too) and build it again.') -}}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}
