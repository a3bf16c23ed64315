{#
  The keys and features of a group at a moment: its view's rows, or where the clock does not hold the moment, what its
  text gives with the moment in place of the clock.
#}
{% macro group_at_sql(spec, plan, at) -%}
    {%- set keys = spec['keys'] | map(attribute='name') | list -%}
    {%- if not plan.evaluated_sql -%}
        select {{ (keys + asof.recorded_features(spec)) | join(', ') }}
        from {{ asof.relation_of(spec.node) }}
        where as_of = {{ at }}
    {%- else -%}
        with {{ asof.evaluated_again_sql(spec, plan.evaluated_sql, 'select ' ~ at ~ ' as as_of',
            'select * from ' ~ asof.relation_of(spec.entity)) }}
        select {{ (keys + spec.features | map(attribute='name') | list) | join(', ') }} from asof_again
    {%- endif -%}
{%- endmacro %}

{#
  `..., asof_again as (...)`: what a group's compiled SQL gives with other moments in place of the clock, and other
  entities or events, as common table expressions of the names that it reads by. clock and entity are queries; events
  holds queries by the event model's name, where not all of its rows are meant.
#}
{% macro evaluated_again_sql(spec, compiled_sql, clock, entity, events={}) -%}
        {{ asof.identifier_of(asof.models_of('clock')[0]) }} as (
            {{ clock }}
        ),
        {{ asof.identifier_of(spec.entity) }} as (
            {{ entity }}
        ),
        {%- for event in spec.events %}
        {{ asof.identifier_of(event) }} as (
            {{ events.get(event.name) or 'select * from ' ~ asof.event_relation(spec.node, event) }}
        ),
        {%- endfor %}
        {%- set handed_over = asof.handed_over_sql(spec.node) %}
        asof_again as (
            {%- if handed_over is not none %}
            select {{ (spec['keys'] | map(attribute='name') | list + ['as_of'] + asof.recorded_features(spec))
                | join(', ') }}
            from ({{ handed_over }}) as evaluated
            where
                as_of in (select as_of from {{ asof.identifier_of(asof.models_of('clock')[0]) }})
                and exists (
                    select 1
                    from {{ asof.identifier_of(spec.entity) }} as entity
                    where {{ asof.same_keys('entity', 'evaluated', spec['keys'] | map(attribute='name') | list) }}
                )
            {%- else %}
            select {{ (spec['keys'] | map(attribute='name') | list + ['as_of'] + asof.recorded_features(spec))
                | join(', ') }}
            from (
                {{ compiled_sql }}
            ) as evaluated
            {%- endif %}
        )
{%- endmacro %}

{# The features of a group as they are recorded, for a select list. #}
{% macro recorded_features(spec) %}
    {%- set selected = [] -%}
    {%- for feature in spec.features -%}
        {%- do selected.append(asof.unsigned_zero(feature.name, feature.type) ~ ' as ' ~ feature.name) -%}
    {%- endfor -%}
    {{- return(selected) -}}
{% endmacro %}
