{#
  Takes examples as they are at the cut-off into the temporary table asof_set_examples: what was asked before it,
  labels known by then (null otherwise), of the declared types, checked. Returns {has_labels, has_sequence_number,
  columns: [name, type], later: how many were asked after the cut-off}. now: all were asked before it. is_file: no
  column is passed over but left_out, which sets keep.
#}
{% macro take_examples(spec, source, cutoff, now, is_file) %}
    {%- set time = asof.type_timestamptz() -%}
    {%- set row_id, moment = {'name': 'row_id', 'type': 'varchar'}, {'name': 'prediction_time', 'type': time} -%}
    {%- set number, label_known_at = {'name': 'sequence_number', 'type': 'bigint'}, {'name': 'label_known_at',
        'type': time} -%}
    {%- set given = asof.columns_of(source) -%}
    {%- set label_names = (spec.labels + [label_known_at]) | map(attribute='name') | list -%}
    {%- set has_labels = label_names | select('in', given) | list | length > 0 -%}
    {%- set has_sequence_number = 'sequence_number' in given -%}
    {%- set optional = [] -%}
    {%- for column in spec.request if column.meta.get('optional', false) -%}
        {%- do optional.append(column.name) -%}
    {%- endfor -%}
    {%- set columns = [row_id] + spec['keys'] + [moment] + spec.request + ([number] if has_sequence_number else [])
        + (spec.labels + [label_known_at] if has_labels else []) -%}

    {%- set wrong, known = [], ['asof_place', 'left_out', 'row_id'] -%}
    {%- for column in columns -%}
        {%- do known.append(column.name) -%}
        {%- if column.name not in given -%}
            {%- if column.name != 'row_id' and column.name not in optional -%}
                {%- do wrong.append('the column ' ~ column.name ~ ' is missing') -%}
            {%- endif -%}
        {%- elif is_file and column.name != 'row_id' -%}
            {%- set never = asof.never_as(given[column.name], column.type) -%}
            {#- a column without any value may be of any type -#}
            {%- set sql -%}
                select count({{ column.name }})
                from {{ source }} as given
            {%- endset -%}
            {%- if never and run_query(sql).rows[0][0] > 0 -%}
                {%- do wrong.append('the column ' ~ column.name ~ ' is ' ~ given[column.name] ~ ', not ' ~ column.type
                    ~ ': ' ~ never) -%}
            {%- endif -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for name in given if is_file and name not in known -%}
        {%- do wrong.append('the column ' ~ name ~ ' is none of theirs') -%}
    {%- endfor -%}
    {%- if wrong -%}
        {%- set expected = [] -%}
        {%- for column in spec['keys'] + [moment] + spec.request -%}
            {%- do expected.append(column.name ~ ' ' ~ column.type ~ (' (optional)' if column.name in optional
                else '')) -%}
        {%- endfor -%}
        {{- asof.refuse('these examples are not those of ' ~ spec.id ~ ': ' ~ wrong | join('; ') ~ '. Expected: '
            ~ expected | join(', ') ~ '; if you have them row_id, sequence_number, and the labels: '
            ~ label_names | join(', ') ~ ' (all or none).') -}}
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
            {%- do lost.append({'rule': 'what ' ~ column.name ~ ' holds is no ' ~ column.type
                ~ ', or would have to be rounded',
                'sql': 'select ' ~ place ~ ' as row_id, ' ~ column.name ~ ' from ' ~ source ~ ' as given where '
                    ~ asof.is_another_as(column.name, given[column.name], column.type)}) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do asof.refuse_problems(lost, 'these examples are not those of ' ~ spec.id) -%}

    {%- set sql -%}
        create temporary table asof_set_given as
        select {{ selected | join(', ') }}
        from {{ source }} as given
    {%- endset -%}
    {%- do run_query(sql) -%}
    {%- do asof.refuse_problems(asof.example_checks('asof_set_given',
        asof.sql_time(now)) + asof.request_checks('asof_set_given', spec)
        + (asof.label_checks('asof_set_given', spec) if has_labels else []),
        'these examples are not those of ' ~ spec.id) -%}
    {%- set at = asof.sql_time(cutoff) -%}
    {%- set kept, typed = [], [] -%}
    {%- for column in columns -%}
        {%- do kept.append('case when label_known_at <= ' ~ at ~ ' then ' ~ column.name ~ ' end as ' ~ column.name
            if has_labels and column.name in label_names else column.name) -%}
        {%- do typed.append([column.name, column.type]) -%}
    {%- endfor -%}
    {%- set sql -%}
        create temporary table asof_set_examples as
        select {{ kept | join(', ') }}
        from asof_set_given
        where prediction_time < {{ at }}
    {%- endset -%}
    {%- do run_query(sql) -%}
    {%- set sql -%}
        select (select count(*) from asof_set_given) - (select count(*) from asof_set_examples)
    {%- endset -%}
    {%- set later = run_query(sql).rows[0][0] | int -%}
    {{- return({'has_labels': has_labels, 'has_sequence_number': has_sequence_number, 'columns': typed,
        'later': later}) -}}
{% endmacro %}
