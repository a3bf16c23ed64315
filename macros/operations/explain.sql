{#
  `dbt run-operation explain --args '{service: late_delivery@1, request: {order_id: O-204}, at:
  "2026-05-01T09:00:00Z"}'`: what the API answered, or would have, and where each value is from, as one line of JSON
  (`asof explain` makes it readable): the publication; per group the moment, the run, the definition and the recorded
  row; and the events that were known then, with what would have come out without each. Values are text, as the
  warehouse spells them; times RFC 3339 UTC.

  request: the keys, and request columns where they matter. sequence_number: of the publication that answered, where a
  log names it. Errors: an unknown service or column, a missing key, a time beyond now.
#}
{% macro explain(service, request, at, sequence_number=none) %}
    {%- if not execute -%}{{- return('') -}}{%- endif -%}
    {%- do asof.open_records() -%}
    {%- set spec = asof.service_named(service) -%}
    {%- set moment = asof.parse_time(at, 'at') -%}
    {%- if moment > asof.now() -%}
        {{- asof.refuse('at is ' ~ moment ~ ', which lies beyond now (' ~ asof.now()
            ~ '): nothing was answered yet.') -}}
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
    {%- set answer_sql -%}
        with asof_looked_up as (select * from asof_explained),
        asof_answers as ({{ asof.service_manifest(spec).sql }})
        select *
        from asof_answers
    {%- endset -%}
    {%- set answer = asof.texts_of(answer_sql, ['status', 'rejected_columns'] + features) -%}
    {%- set publication_sql -%}
        select *
        from {{ asof.registry('publications') }}
        where sequence_number = {{ placed.asof_sequence_number or 'null' }}
        limit 1
    {%- endset -%}
    {%- set publication = asof.texts_of(publication_sql, ['sequence_number', 'snapshot_id', 'published_at', 'kind']) -%}
    {%- do found.update({'status': answer.status, 'rejected': answer.rejected_columns, 'publication': publication,
        'features': {}, 'groups': []}) -%}
    {%- for name in features -%}{%- do found.features.update({name: answer[name]}) -%}{%- endfor -%}
    {%- for group in spec.groups -%}{%- do found.groups.append(asof.explain_group(group)) -%}{%- endfor -%}
    {%- do print(tojson(found)) -%}
{% endmacro %}
