{#
  The answers of a service to all entities of its first group, written beside the latest tables of a snapshot, from
  these and by the text that the shim runs: {file, rows, bytes, sha256, valid_until}; none for a service that is
  evaluated for each request. In the file, a row per row of the first group's table, in the order of its keys: the keys
  as they are sent, then what the text answers. valid_until: when the first of its groups passes its max_age.

  service, groups: its entry in the manifest, and the groups' by their ids.
#}
{% macro published_answers(spec, service, groups, folder, snapshot_id) %}
    {%- if not asof.has_lasting_answers(spec) -%}{{- return(none) -}}{%- endif -%}
    {#- the last moment at which none of its groups is stale (asof.group_status), in years of four digits -#}
    {%- set ends = [asof.sql_time('9999-12-31 00:00:00+00:00')] -%}
    {%- for lookup in spec.groups -%}
        {%- set group = groups[lookup.group] -%}
        {%- do ends.append(asof.sql_time(group.as_of) ~ ' + ' ~ group.max_age_seconds ~ " * interval '1 second'") -%}
    {%- endfor -%}
    {%- set valid_until = asof.time_literal(run_query('select least(' ~ ends | join(', ') ~ ')').rows[0][0]) -%}
    {%- do run_query(asof.published_answers_sql(spec, service, groups, valid_until)) -%}
    {%- set counts = run_query('select count(*), count(distinct row_id) from asof_published_answers').rows[0] -%}
    {%- for count in counts.values() if count | int != groups[spec.groups[0].group].rows -%}
        {%- do asof.say(spec.id ~ ' does not give one row for each of its entities (' ~ spec.node.original_file_path
            ~ '), so its answers are evaluated and not published. A service returns one row for each of its rows.') -%}
        {{- return(none) -}}
    {%- endfor -%}
    {%- set file = spec.base ~ '_answers-' ~ snapshot_id ~ '.parquet' -%}
    {%- set entry = asof.export_parquet('select * from asof_published_answers order by '
        ~ spec.groups[0]['keys'] | join(', '), folder ~ '/' ~ file) -%}
    {%- do entry.update({'file': file, 'valid_until': asof.rfc3339(valid_until)}) -%}
    {{- return(entry) -}}
{% endmacro %}

{#
  Whether a service answers the same for an entity until one of its groups is stale: nothing is sent but the keys of one
  entity, by which every group is found, and no value that it returns comes from prediction_time. (Clocks and dice are
  refused in every service.) In doubt it does not.
#}
{% macro has_lasting_answers(spec) %}
    {%- set first = spec.groups[0] -%}
    {%- for lookup in spec.groups if lookup.via or lookup['keys'] != first['keys']
            or lookup.spec.entity.unique_id != first.spec.entity.unique_id -%}
        {{- return(false) -}}
    {%- endfor -%}
    {%- if spec.request or not spec.features or spec['keys'] | length != first['keys'] | length -%}
        {{- return(false) -}}
    {%- endif -%}
    {%- set rows = asof.relation_of(spec.rows_node) -%}
    {%- set service_sql %}
        with {{ spec.rows_node.alias }} as (select * from {{ rows }})
        select {{ spec.features | map(attribute='name') | join(', ') }}
        from ({{ asof.text_in_force(spec.id) }}
        ) as asof_service
    {%- endset -%}
    {#- whether the engine tells at all, as it does of a query that reads the column for sure -#}
    {%- set told = asof.columns_read('select prediction_time from ' ~ rows) or [] -%}
    {{- return('prediction_time' in told and 'prediction_time' not in asof.columns_read(service_sql)) -}}
{% endmacro %}

{#
  Makes the temporary table asof_published_answers, the rows of the file: for each entity of the first group's latest
  table what is looked up, column by column as asof.looked_up_columns says, and what the text makes of that.
#}
{% macro published_answers_sql(spec, service, groups, valid_until) -%}
    {%- set first, own_keys = spec.groups[0], {} -%}
    {%- for sent, key in zip(first['keys'], first.spec['keys']) -%}
        {%- do own_keys.update({sent: 'asof_of_' ~ first.name ~ '.' ~ key.name}) -%}
    {%- endfor -%}
    create or replace temporary table asof_published_answers as
    with asof_looked_up as (
        select
            {%- for column in spec.looked_up -%}
            {%- for lookup in spec.groups if lookup.name == (column.lookup or first.name) %}
            cast({{ {
                'row_id': 'row_number() over (order by ' ~ own_keys.values() | join(', ') ~ ')',
                'input': own_keys[column.name],
                'prediction_time': asof.sql_time(valid_until),
                'found': 'asof_of_' ~ lookup.name ~ '.as_of is not null',
                'as_of': asof.sql_time(groups[lookup.group].as_of),
                'max_age_seconds': groups[lookup.group].max_age_seconds,
                'feature': 'asof_of_' ~ lookup.name ~ '.' ~ column.column,
            }[column.source] }} as {{ column.type }}) as {{ column.name }}
            {%- endfor -%}
            {{- ',' if not loop.last }}
            {%- endfor %}
        from {{ first.spec.latest }} as asof_of_{{ first.name }}
        {%- for lookup in spec.groups[1:] %}
        left join {{ lookup.spec.latest }} as asof_of_{{ lookup.name }}
            using ({{ lookup.spec['keys'] | map(attribute='name') | join(', ') }})
        {%- endfor %}
    ),
    asof_answer as (
        {{ service.sql }}
    )
    select
        {% for key in spec['keys'] %}asof_looked_up.{{ key.name }}, {% endfor %}
        asof_answer.*
    from asof_looked_up
    left join asof_answer on asof_answer.row_id = asof_looked_up.row_id
{%- endmacro %}
