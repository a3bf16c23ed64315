{#
  `dbt run-operation batch --args '{service: late_delivery, to: scores.parquet}'`: what the API would answer now, from
  the current publication, for every entity of the service's first group, to one Parquet file (replaced whole): keys,
  prediction_time, sequence_number, status, features; all rows, also the rejected, in the order of their keys. Prints
  what the answers are from, as JSON.

  examples: a Parquet or CSV file with the keys and request columns (and row_id, if it has one) to answer instead;
  needed where the service has required request columns, or keys that its first group does not have.
#}
{% macro batch(service, to, examples=none) %}
    {%- if not execute -%}{{- return('') -}}{%- endif -%}
    {%- if not to.endswith('.parquet') -%}
        {{- asof.refuse('a batch is written as Parquet; name a file that ends in .parquet, not ' ~ to ~ '.') -}}
    {%- endif -%}
    {%- do asof.open_records() -%}
    {%- set spec = asof.service_named(service) -%}
    {%- set current = asof.newest_publication() -%}
    {%- if current is none -%}
        {{- asof.refuse('nothing was published yet: a green `dbt build` publishes.') -}}
    {%- endif -%}
    {%- set published = asof.current_manifest(current).services.get(spec.id) -%}
    {%- if published is none -%}
        {{- asof.refuse('the current publication (' ~ current.sequence_number ~ ') does not hold ' ~ spec.id ~ '.') -}}
    {%- endif -%}
    {#- a service that is carried over answers by its published text -#}
    {%- set declared = asof.service_manifest(spec) -%}
    {%- for part in ['keys', 'request', 'features']
            if tojson(asof.names_and_types(published[part])) != tojson(asof.names_and_types(declared[part]))
            or tojson(published.groups) != tojson(declared.groups) -%}
        {{- asof.refuse('the current publication (' ~ current.sequence_number ~ ') holds ' ~ spec.id
            ~ ' with other columns or lookups than the project has now. Let a build publish it first.') -}}
    {%- endfor -%}
    {%- set moments = {} -%}
    {%- set sql -%}
        select group_id, as_of
        from {{ asof.registry('publications') }}
        where sequence_number = {{ current.sequence_number }}
    {%- endset -%}
    {%- for row in run_query(sql).rows -%}
        {%- do moments.update({row[0]: asof.time_literal(row[1]) if row[1] is not none else none}) -%}
    {%- endfor -%}
    {%- set as_of = {} -%}
    {%- for group in spec.groups -%}
        {%- if group.group not in moments -%}
            {{- asof.refuse('the current publication (' ~ current.sequence_number ~ ') does not hold ' ~ group.group
                ~ ', which ' ~ spec.id ~ ' reads.') -}}
        {%- endif -%}
        {%- if moments[group.group] is none -%}
            {{- asof.refuse('what the current publication (' ~ current.sequence_number ~ ') served of ' ~ group.group
                ~ ' is not in this warehouse (accept_loss): run `dbt build`, and answer from the publication that '
                ~ 'it makes.') -}}
        {%- endif -%}
        {%- do as_of.update({group.name: asof.rfc3339(moments[group.group])}) -%}
    {%- endfor -%}

    {#- the shim's now is never earlier than the publication that it answers from -#}
    {%- set now = [asof.now(), current.published_at] | max -%}
    {%- set end = asof.time_literal(asof.as_datetime(now) + modules.datetime.timedelta(microseconds=1)) -%}
    {%- set source = asof.examples_file(examples) if examples is not none else asof.population(spec,
        moments[spec.groups[0].group]) -%}
    {%- for name in ['prediction_time', 'sequence_number'] if name in asof.columns_of(source) -%}
        {{- asof.refuse('a batch is answered as of now: ' ~ examples ~ ' has the column ' ~ name
            ~ '. Leave it out, or take training_set for the past.') -}}
    {%- endfor -%}
    {%- set source -%}
        (
            select
                *,
                {{ asof.sql_time(now) }} as prediction_time,
                {{ current.sequence_number }} as sequence_number
            from {{ source }} as asof_asked
        )
    {%- endset -%}
    {%- set given = asof.take_examples(spec, source, end, end, examples is not none) -%}
    {%- do asof.answer_examples(spec, given, published.sql) -%}
    {%- set answers = asof.training_columns_sql(spec, 'asof_set_answers', 'asof_set_rows', 'asof_set_examples',
        'asof_set_lost', false, ['asof_answer.rejected_columns']) -%}
    {%- set order = spec['keys'] | map(attribute='name') | list + ['row_id'] -%}
    {%- set ordered -%}
        select *
        from ({{ answers }}) as answered
        order by {{ order | join(', ') }}
    {%- endset -%}
    {%- set written = asof.export_parquet(ordered, to) -%}
    {%- set statuses = {} -%}
    {%- set sql -%}
        select status, count(*)
        from ({{ answers }}) as answered
        group by 1
        order by 1
    {%- endset -%}
    {%- for row in run_query(sql).rows -%}
        {%- do statuses.update({row[0]: row[1] | int}) -%}
    {%- endfor -%}
    {%- do asof.say(spec.id ~ ' for ' ~ written.rows ~ ' rows, as of ' ~ asof.rfc3339(now) ~ ' from publication '
        ~ current.sequence_number ~ ': ' ~ to ~ '.') -%}
    {%- do print(tojson({'service': spec.name, 'version': spec.version,
        'definition': published.definition, 'snapshot_id': current.snapshot_id,
        'sequence_number': current.sequence_number, 'as_of': as_of,
        'published_at': asof.rfc3339(current.published_at), 'prediction_time': asof.rfc3339(now),
        'statuses': statuses, 'file': to, 'rows': written.rows, 'sha256': written.sha256})) -%}
{% endmacro %}
