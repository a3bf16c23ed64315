{#
  The whole of a rows model, `models/services/<service>_v<n>_rows.sql`: what the shim would have looked up for each
  example, by the as-served rule, with the features of groups that are not OK nulled. Labels are left out.

      {{ "{{ asof.rows(['shipment@1', 'warehouse@1']) }}" }}

  groups: the groups with the version read, the service's first group first. Lookups through a stored column are
  declared in the service's YAML. examples: the examples model, `<service>_examples` unless said.
  Examples without a snapshot, or of lost hours, are not in it; the build says how many.
#}
{% macro rows(groups, examples=none) %}
    {%- set service = asof.parse_model_name(model.name, 'rows') -%}
    {%- set examples = examples or service.name ~ '_examples' -%}
    {{- config(materialized='table', contract={'enforced': false}, meta={'asof_groups': groups, 'asof_examples': examples}) -}}
    {%- set examples_relation = ref(examples) -%}
    {%- set histories = {} -%}
    {%- for group in groups -%}
        {%- if group is not string or group.split('@') | length != 2 -%}
            {{- asof.refuse(model.original_file_path ~ ": '" ~ group ~ "' names no version. A service pins the group version it reads, as in shipment@1.") -}}
        {%- endif -%}
        {%- do histories.update({group: ref(group.split('@')[0] ~ '_v' ~ group.split('@')[1] ~ '_history')}) -%}
    {%- endfor -%}
    {%- if execute -%}
        {%- set spec = asof.service_spec(service.name, service.version) -%}
        {{- asof.looked_up_sql(spec, examples_relation, histories) -}}
        {{- asof.nulled_sql(spec, ['sequence_number', 'is_backfilled']) -}}
    {%- endif -%}
{% endmacro %}

{# The backfilled moments of a group that stand for publications: since when (published_at), and the best as_of by then. #}
{% macro backfilled_moments_sql(group_id) %}
        -- the best backfilled moment to stand for a publication by then; the lag may have been declared anew between backfills
        select published_at, max(as_of) over (order by published_at) as as_of, max_age_seconds
        from (
            select published_at, max(as_of) as as_of, max(max_age_seconds) as max_age_seconds
            from {{ asof.registry('counted_moments') }}
            where group_id = '{{ group_id }}' and kind = 'backfill'
            group by published_at
        ) as moment
{%- endmacro %}

{#
  `with ... looked_up as (...)`: per example and group the publication (or backfilled moment) in force at its
  prediction_time, and the entity's last counted row as of it. Times compare to the microsecond.
  examples: a relation. has_sequence_number: whether they name the publication that answered, as the service's own model
  does or does not. histories: the relations by group, where they are refs.
#}
{% macro looked_up_sql(spec, examples, histories={}, has_sequence_number=none) %}
    {%- set has_sequence_number = spec.has_sequence_number if has_sequence_number is none else has_sequence_number -%}
    with {{ asof.placed_sql(examples, (spec['keys'] + spec.request) | map(attribute='name') | list, has_sequence_number) }}
    {%- set ns = namespace(previous='placed') -%}
    {%- for group in spec.groups -%}
        {%- set g = group.name -%}
        {%- set counted = "(select run_id from " ~ asof.registry('counted_moments') ~ " where group_id = '" ~ group.group ~ "')" %},
    {{ g }}__backfill as (
        {{- asof.backfilled_moments_sql(group.group) }}
    ),
    {{ g }}__history as (
        select * from {{ histories.get(group.group) or group.spec.history }} where run_id in {{ counted }}
    ),
    {{ g }}__placed as (
        select
            {{ ns.previous }}.*,
            live.as_of is null as {{ g }}__is_backfilled,
            coalesce(live.as_of, backfilled.as_of) as {{ g }}__as_of,
            coalesce(live.max_age_seconds, backfilled.max_age_seconds) as {{ g }}__max_age_seconds
        from {{ ns.previous }}
        left join {{ asof.registry('publications') }} as live
            on live.group_id = '{{ group.group }}' and live.sequence_number = {{ ns.previous }}.sequence_number
        left join (
            select min(published_at) as published_at from {{ asof.registry('publications') }} where group_id = '{{ group.group }}'
        ) as first_live on true
        -- an example after the group's first publication never falls back on a backfill
        {{ asof.asof_left_join(g ~ '__backfill', 'backfilled',
            'case when first_live.published_at is null or ' ~ ns.previous ~ '.prediction_time < first_live.published_at then ' ~ ns.previous ~ '.prediction_time end',
            'backfilled.published_at') }}
    ),
    {{ g }}__found as (
        select
            {{ g }}__placed.*,
            coalesce(not history.is_tombstone, false) as {{ g }}__found
            {%- for feature in group.spec.features %},
            history.{{ feature.name }}
            {%- endfor %}
        from {{ g }}__placed
        {%- set on = [] -%}
        {%- if group.via -%}
            {%- do on.append('history.' ~ group.spec['keys'][0].name ~ ' = ' ~ g ~ '__placed.' ~ group.via.column) -%}
        {%- else -%}
            {%- for key in group['keys'] -%}{%- do on.append('history.' ~ key ~ ' = ' ~ g ~ '__placed.' ~ key) -%}{%- endfor -%}
        {%- endif %}
        {{ asof.asof_left_join(g ~ '__history', 'history', g ~ '__placed.' ~ g ~ '__as_of', 'history.as_of', on) }}
    )
        {%- set ns.previous = g ~ '__found' -%}
    {%- endfor %},
    looked_up as (
        select
            *,
            {% for group in spec.groups %}{{ group.name }}__is_backfilled{{ ' or ' if not loop.last }}{% endfor %} as is_backfilled
        from {{ ns.previous }}
        where {% for group in spec.groups %}{{ group.name }}__as_of is not null{{ ' and ' if not loop.last }}{% endfor %}
    )
{% endmacro %}

{# `..., placed as (...)`: examples with these of their columns, and the number of the publication that was current, or that they name. #}
{% macro placed_sql(examples, columns, has_sequence_number) -%}
    publication as (
        select distinct sequence_number, published_at from {{ asof.registry('publications') }}
    ),
    example as (
        select
            cast(row_id as varchar) as row_id,
            {% for name in columns %}{{ name }}, {% endfor %}
            prediction_time,
            {{ 'sequence_number' if has_sequence_number else 'cast(null as bigint)' }} as named_publication
        from {{ examples }}
    ),
    placed as (
        select example.*, coalesce(example.named_publication, publication.sequence_number) as sequence_number
        from example
        {{ asof.asof_left_join('publication', 'publication', 'example.prediction_time', 'publication.published_at') }}
    )
{%- endmacro %}

{#
  The row_id of the examples that are lost, as a subquery: the publication that answered is on record, but what it served of
  one of the service's groups is not in this warehouse. (Nothing is looked up for them, since the record has no as_of there.)
#}
{% macro lost_examples(spec, examples, has_sequence_number=none) -%}
    (
        with {{ asof.placed_sql(examples, [], spec.has_sequence_number if has_sequence_number is none else has_sequence_number) }}
        select row_id
        from placed
        where sequence_number in (
            select sequence_number
            from {{ asof.registry('publications') }}
            where as_of is null and group_id in ({% for group in spec.groups %}'{{ group.group }}'{{ ', ' if not loop.last }}{% endfor %})
        )
    )
{%- endmacro %}
