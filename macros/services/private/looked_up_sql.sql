{#
  `with ..., asof_looked_up as (...)`: per example and lookup the publication (or backfilled moment) in force at its
  prediction_time, and the entity's last counted row as of it. Times compare to the microsecond. Beside spec.looked_up
  it has asof_sequence_number (the publication, null where a backfill stands for it) and asof_is_backfilled (of any
  lookup). examples: a relation. has_sequence_number: whether they name the publication that answered, as the
  service's own model does or does not. histories: the relations by group, where they are refs.
#}
{% macro looked_up_sql(spec, examples, histories={}, has_sequence_number=none) %}
    {%- set has_sequence_number = spec.has_sequence_number if has_sequence_number is none else has_sequence_number -%}
    {%- set publications = asof.registry('publications') -%}
    {%- set asked = (spec['keys'] + spec.request) | map(attribute='name') | list %}
    with {{ asof.placed_sql(examples, asked, has_sequence_number) }}
    {%- set ns = namespace(previous='asof_placed') -%}
    {%- for lookup in spec.groups -%}
        {%- set alias, before = lookup.name, ns.previous -%}
        {%- set placed = 'asof_placed_' ~ alias -%}
        {%- set until_live %}case when asof_first_live.published_at is null
            or {{ before }}.prediction_time < asof_first_live.published_at then {{ before }}.prediction_time end
        {%- endset -%}
        {%- set on = [] -%}
        {%- for key in lookup.spec['keys'] -%}
            {%- do on.append('asof_history.' ~ key.name ~ ' = ' ~ placed ~ '.' ~ (lookup.via_column if lookup.via
                else lookup['keys'][loop.index0])) -%}
        {%- endfor %},
    asof_backfill_{{ alias }} as (
        {{- asof.backfilled_moments_sql(lookup.group) }}
    ),
    asof_history_{{ alias }} as (
        select *
        from {{ histories.get(lookup.group) or lookup.spec.history }}
        where
            run_id in (
                select run_id
                from {{ asof.registry('counted_moments') }}
                where group_id = '{{ lookup.group }}'
            )
    ),
    {{ placed }} as (
        select
            {{ before }}.*,
            asof_live.as_of is null as asof_is_backfilled_{{ alias }},
            coalesce(asof_live.as_of, asof_backfilled.as_of) as asof_as_of_{{ alias }},
            coalesce(asof_live.max_age_seconds, asof_backfilled.max_age_seconds) as asof_max_age_seconds_{{ alias }}
        from {{ before }}
        left join {{ publications }} as asof_live
            on asof_live.group_id = '{{ lookup.group }}'
            and asof_live.sequence_number = {{ before }}.asof_sequence_number
        left join (
            select min(published_at) as published_at from {{ publications }} where group_id = '{{ lookup.group }}'
        ) as asof_first_live on true
        -- an example after the group's first publication never falls back on a backfill
        {{ asof.asof_left_join('asof_backfill_' ~ alias, 'asof_backfilled', until_live | trim,
            'asof_backfilled.published_at') }}
    ),
    asof_rows_{{ alias }} as (
        select
            {{ placed }}.*,
            coalesce(not asof_history.is_tombstone, false) as asof_found_{{ alias }}
            {%- for feature in lookup.features %},
            asof_history.{{ feature.column }} as {{ feature.name }}
            {%- endfor %}
        from {{ placed }}
        {{ asof.asof_left_join('asof_history_' ~ alias, 'asof_history', placed ~ '.asof_as_of_' ~ alias,
            'asof_history.as_of', on) }}
    )
        {%- set ns.previous = 'asof_rows_' ~ alias -%}
    {%- endfor %},
    asof_looked_up as (
        select
            *,
            {% for lookup in spec.groups %}asof_is_backfilled_{{ lookup.name }}{{ ' or ' if not loop.last }}{% endfor %}
                as asof_is_backfilled
        from {{ ns.previous }}
        where
            {%- for lookup in spec.groups %}
            {{ 'and ' if not loop.first }}asof_as_of_{{ lookup.name }} is not null
            {%- endfor %}
    )
{% endmacro %}

{#
  `..., asof_placed as (...)`: examples with these of their columns, and asof_sequence_number, the publication that was
  current, or that they name.
#}
{% macro placed_sql(examples, columns, has_sequence_number) -%}
    asof_publication as (
        select distinct sequence_number, published_at from {{ asof.registry('publications') }}
    ),
    asof_example as (
        select
            cast(row_id as varchar) as row_id,
            {% for name in columns %}{{ name }}, {% endfor %}
            prediction_time,
            {{ 'sequence_number' if has_sequence_number else 'cast(null as bigint)' }} as asof_named_publication
        from {{ examples }}
    ),
    asof_placed as (
        select
            asof_example.*,
            coalesce(asof_example.asof_named_publication, asof_publication.sequence_number) as asof_sequence_number
        from asof_example
        {{ asof.asof_left_join('asof_publication', 'asof_publication', 'asof_example.prediction_time',
            'asof_publication.published_at') }}
    )
{%- endmacro %}
