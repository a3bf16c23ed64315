{# Writes a set: its rows, the examples it is of, and last, so that only a whole set is one, its manifest. #}
{% macro write_set(spec, given, cutoff, every, folder, name, described) %}
    {%- do asof.make_private_folder(folder) -%}
    {%- set left_out = asof.left_out(asof.sql_time(cutoff), given.has_labels) -%}
    {%- set sql -%}
        create temporary table asof_set as
        {{ asof.training_columns_sql(spec, 'asof_set_answers', 'asof_set_rows', 'asof_set_examples', 'asof_set_lost',
            given.has_labels, ['asof_answer.rejected_columns', left_out ~ ' as left_out']) }}
    {%- endset -%}
    {%- do run_query(sql) -%}
    {%- set counts, left = {}, {} -%}
    {%- for why in asof.reasons_left_out() -%}{%- do left.update({why: 0}) -%}{%- endfor -%}
    {%- for row in run_query('select status, count(*) from asof_set group by 1 order by 1').rows -%}
        {%- do counts.update({row[0]: row[1] | int}) -%}
    {%- endfor -%}
    {%- for row in run_query('select left_out, count(*) from asof_set where left_out is not null group by 1').rows -%}
        {%- do left.update({row[0]: row[1] | int}) -%}
    {%- endfor -%}

    {%- set hidden = ['left_out'] if every else ['left_out', 'rejected_columns'] -%}
    {%- set shown = asof.columns_of('asof_set').keys() | reject('in', hidden) | list -%}
    {%- set rows_sql -%}
        select {{ shown | join(', ') }}
        from asof_set{{ '' if every else ' where left_out is null' }}
    {%- endset -%}
    {%- set written = asof.export_parquet(rows_sql ~ ' order by prediction_time, row_id', folder ~ '/' ~ name
        ~ '.parquet') -%}
    {%- do asof.fault_point('between_set_files') -%}
    {%- set examples_sql -%}
        select asof_example.*, asof_answered.left_out
        from asof_set_examples as asof_example
        inner join asof_set as asof_answered on asof_answered.row_id = asof_example.row_id
        order by asof_example.prediction_time, asof_example.row_id
    {%- endset -%}
    {%- set examples_written = asof.export_parquet(examples_sql, folder ~ '/' ~ name ~ '.examples.parquet') -%}
    {%- set columns, profiles = spec.features + (spec.labels if given.has_labels else []), {} -%}
    {%- set measured = asof.profile_of('(' ~ rows_sql ~ ')', columns) -%}
    {%- for column in columns -%}
        {%- do profiles.update({column.name: {'type': column.type, 'profile': measured[column.name]}}) -%}
    {%- endfor -%}
    {%- set manifest = {} -%}
    {%- do manifest.update(described) -%}
    {%- do manifest.update({
        'statuses': counts, 'left_out': left, 'columns': profiles,
        'files': {'rows': {'file': name ~ '.parquet', 'rows': written.rows, 'bytes': written.bytes,
        'sha256': written.sha256},
            'examples': {'file': name ~ '.examples.parquet', 'rows': examples_written.rows,
            'bytes': examples_written.bytes, 'sha256': examples_written.sha256}},
        'made': {'created_at': asof.rfc3339(asof.now(ticking=true)), 'now_injected': asof.now_is_injected(),
        'invocation_id': invocation_id,
            'code_version': env_var('ASOF_CODE_VERSION', '') or none},
    }) -%}
    {%- do asof.fault_point('before_set_manifest') -%}
    {%- do asof.write_text(folder ~ '/' ~ name ~ '.json', tojson(manifest)) -%}
    {%- do asof.say('wrote the training set ' ~ name ~ ': ' ~ written.rows ~ ' rows of ' ~ described.examples.rows
        ~ ' examples; ' ~ ('among them' if every else 'left out') ~ ': ' ~ asof.left_out_in_words(left) ~ '.') -%}
{% endmacro %}

{# A set is never written again; that its files are those it was written with is seen by their hashes. #}
{% macro check_set_files(folder, manifest) %}
    {%- for written in manifest.files.values() -%}
        {%- set path = folder ~ '/' ~ written.file -%}
        {%- if not asof.file_exists(path) or asof.file_sha256(path) != written.sha256 -%}
            {{- asof.refuse('the file ' ~ path ~ ' is gone or was changed since the set was written. Put it back, '
                ~ 'or delete the set (its .json too) and build it again.') -}}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}
