{#
  Appends a publication to the record: one row per group, as its manifest says. Where this warehouse does not hold the
  run whose rows were served (an older warehouse was restored), the group's as_of is null: those hours are lost, and
  no training row is made up for them. first: statements that take effect together with it.
#}
{% macro record_publication(pointer, first=[]) %}
    {%- set manifest = asof.current_manifest(pointer) -%}
    {#- before the rest, since it may be done again -#}
    {%- for id, service in manifest.services.items() -%}
        {%- set sql -%}
            insert into {{ asof.registry('contracts') }}
            select {{ asof.literal(id) }}, {{ asof.literal(service.definition) }},
                {{ asof.literal(tojson(asof.contract_in(manifest, service))) }}
            where not exists (select 1 from {{ asof.registry('contracts') }}
                where service_id = {{ asof.literal(id) }} and definition = {{ asof.literal(service.definition) }})
        {%- endset -%}
        {%- do run_query(sql) -%}
    {%- endfor -%}
    {%- set rows = [] -%}
    {%- for id, group in manifest.groups.items() -%}
        {%- set is_here = asof.has_run('moments', id, group.run_id) -%}
        {%- do rows.append([pointer.sequence_number, pointer.snapshot_id, pointer.published_at, pointer.kind, id,
            group.as_of if is_here else none, group.run_id, group.max_age_seconds]) -%}
    {%- endfor -%}
    {%- if first -%}
        {%- do asof.run_together(first + [asof.insert_sql('publications', rows)]) -%}
    {%- else -%}
        {%- do run_query(asof.insert_sql('publications', rows)) -%}
    {%- endif -%}
{% endmacro %}

{# {sequence_number, snapshot_id, published_at} of the newest recorded publication; none before the first. #}
{% macro newest_publication() %}
    {%- set sql -%}
        select sequence_number, snapshot_id, published_at
        from {{ asof.registry('publications') }}
        order by sequence_number desc
        limit 1
    {%- endset -%}
    {%- set found = run_query(sql).rows -%}
    {{- return({'sequence_number': found[0][0] | int, 'snapshot_id': found[0][1],
        'published_at': asof.time_literal(found[0][2])}
        if found | length else none) -}}
{% endmacro %}
