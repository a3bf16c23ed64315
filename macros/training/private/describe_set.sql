{#
  What determines a set, and its id, the hash of that: the part of the manifest that is known before anything is
  written.
#}
{% macro describe_set(spec, given, cutoff, every) %}
    {%- set group_ids = [] -%}
    {%- for group in spec.groups -%}{%- do group_ids.append(asof.literal(group.group)) -%}{%- endfor -%}
    {%- set sql -%}
        select count(*), cast({{ asof.checksum(given.columns | map('first') | list) }} as varchar)
        from asof_set_examples
    {%- endset -%}
    {%- set examples = run_query(sql).rows[0] -%}
    {%- set sql -%}
        select count(*), count(*) filter (where asof_is_backfilled),
            cast({{ asof.checksum(asof.set_row_columns(spec)) }} as varchar)
        from asof_set_rows
    {%- endset -%}
    {%- set rows = run_query(sql).rows[0] -%}
    {%- set sql -%}
        select min(asof_sequence_number), max(asof_sequence_number), count(distinct asof_sequence_number)
        from asof_set_rows
    {%- endset -%}
    {%- set numbers = run_query(sql).rows[0] -%}
    {#- snapshot and run ids are random: left out, so that the same content gives the same set in any warehouse -#}
    {%- set sql -%}
        {%- set columns = ['sequence_number', 'published_at', 'kind', 'group_id', 'as_of', 'max_age_seconds'] %}
        select cast({{ asof.checksum(columns) }} as varchar)
        from {{ asof.registry('publications') }}
        where
            sequence_number in (select asof_sequence_number from asof_set_rows)
            and group_id in ({{ group_ids | join(', ') }})
    {%- endset -%}
    {%- set record = run_query(sql).rows[0][0] -%}
    {%- set groups = {} -%}
    {%- for group in spec.groups -%}
        {%- set definitions = [] -%}
        {%- set sql -%}
            select distinct definition
            from {{ asof.registry('counted_moments') }}
            where
                group_id = {{ asof.literal(group.group) }}
                and as_of in (select asof_as_of_{{ group.name }} from asof_set_rows)
            order by 1
        {%- endset -%}
        {%- for row in run_query(sql).rows -%}{%- do definitions.append(row[0]) -%}{%- endfor -%}
        {%- do groups.update({group.group: definitions}) -%}
    {%- endfor -%}
    {%- set inputs = {
        'format': 1, 'service': spec.name, 'version': spec.version,
        'definition': asof.service_manifest(spec).definition, 'groups': groups,
        'cutoff': asof.rfc3339(cutoff), 'every': every,
        'keys': spec['keys'] | map(attribute='name') | list, 'labels': spec.labels | map(attribute='name') | list
        if given.has_labels else [],
        'examples': {'rows': examples[0] | int, 'columns': given.columns, 'digest': examples[1]},
        'looked_up': {'rows': rows[0] | int, 'backfilled': rows[1] | int, 'digest': rows[2]},
        'publications': {'first': numbers[0] | int if numbers[0] is not none else none, 'last': numbers[1] | int
        if numbers[1] is not none else none,
            'count': numbers[2] | int, 'digest': record},
    } -%}
    {%- set sql -%}
        select count(*), cast({{ asof.checksum(['row_id']) }} as varchar)
        from asof_set_lost
    {%- endset -%}
    {%- set lost = run_query(sql).rows[0] -%}
    {%- if lost[0] | int > 0 -%}
        {%- do inputs.update({'lost': {'rows': lost[0] | int, 'digest': lost[1]}}) -%}
    {%- endif -%}
    {%- set described = {'id': asof.sha256(tojson(inputs))[:16]} -%}
    {%- do described.update(inputs) -%}
    {{- return(described) -}}
{% endmacro %}
