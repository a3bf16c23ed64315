{#
  The compiled text of a group or service changes where this package writes its part of it differently. Over an upgrade
  a changed text is therefore accepted where it gives the values of before: of a group those that were recorded, of a
  service those that its published text gives. A text that gives other values is left to a person, as any changed text.

  changed: a list of {id, kind, spec, was, now_}: kind is `group` or `service`, was its entry in the published manifest,
  now_ its new definition. Returns the ids of those that were not accepted, and says why.
#}
{% macro accept_equal_definitions(changed) %}
    {%- set differing = [] -%}
    {%- for each in changed -%}
        {%- set found = asof.compare_group(each.spec) if each.kind == 'group'
            else asof.compare_service(each.spec, each.was) -%}
        {%- if found.differs -%}
            {%- do asof.say('upgrade: the compiled text of ' ~ each.id ~ ' changed, and ' ~ found.differs) -%}
            {%- do differing.append(each.id) -%}
        {%- else -%}
            {%- do run_query(asof.equal_definition_sql(each, found.compared)) -%}
            {%- do asof.say('upgrade: the compiled text of ' ~ each.id ~ ' changed, and is accepted: it gives the same '
                ~ 'for ' ~ found.compared ~ '.') -%}
        {%- endif -%}
    {%- endfor -%}
    {{- return(differing) -}}
{% endmacro %}

{# Keeps that the new definition equals the one before, and those which that one equalled. #}
{% macro equal_definition_sql(changed, compared) %}
    insert into {{ asof.registry('equal_definitions') }}
    select
        {{ asof.literal(changed.id) }},
        earlier.definition,
        {{ asof.literal(changed.now_) }},
        {{ asof.current_version() }},
        {{ asof.literal(compared) }},
        {{ asof.sql_time(asof.wall_clock()) }}
    from (
        select {{ asof.literal(changed.was.definition) }} as definition
        union
        select definition_before
        from {{ asof.registry('equal_definitions') }}
        where id = {{ asof.literal(changed.id) }} and definition = {{ asof.literal(changed.was.definition) }}
    ) as earlier
{% endmacro %}

{# Whether a row of asof_definitions is the definition of a moment, or was found to equal it. Both are aliases. #}
{% macro is_equal_definition(definition, moment) -%}
    (
        {{ definition }}.definition = {{ moment }}.definition
        or exists (
            select 1
            from {{ asof.registry('equal_definitions') }} as equal
            where
                equal.id = {{ definition }}.id
                and equal.definition = {{ definition }}.definition
                and equal.definition_before = {{ moment }}.definition
        )
    )
{%- endmacro %}

{#
  A group's text as last built against what was recorded, for all entities: {compared, differs}, one of them none.
  Compared are the newest counted moment and up to 30 more, spread evenly over all that may be replayed.
#}
{% macro compare_group(spec) %}
    {%- set sampled_sql %}
        select as_of, points
        from (
            select as_of, points, row_number() over (order by as_of desc) as place, count(*) over () as moments
            from {{ asof.registry('counted_moments') }}
            where {{ asof.may_be_replayed(spec) }}
        ) as eligible
        where place = 1 or mod(place, cast(ceil(moments / 30.0) as bigint)) = 0
    {%- endset -%}
    {%- set moments, ns = [], namespace(points=0) -%}
    {%- for as_of, points in run_query(sampled_sql).rows -%}
        {%- do moments.append(asof.sql_time(asof.time_literal(as_of))) -%}
        {%- set ns.points = ns.points + points | int -%}
    {%- endfor -%}
    {%- if ns.points == 0 -%}
        {{- return({'differs': 'there is no recorded moment to compare it with: none since what was accepted last, '
            ~ 'within the retention of its sources.'}) -}}
    {%- endif -%}
    {%- set differences_sql = asof.group_differences_sql(spec, moments) -%}
    {%- set compared = ns.points ~ ' points at ' ~ moments | length ~ ' recorded moments' -%}
    {%- set count = run_query('select count(*) from (' ~ differences_sql ~ ') as differing').rows[0][0] | int -%}
    {%- if count == 0 -%}{{- return({'compared': compared}) -}}{%- endif -%}
    {%- set few = run_query('select * from (' ~ differences_sql ~ ') as differing order by as_of desc, 1 limit 3') -%}
    {{- return({'differs': 'gives other values than were recorded for ' ~ count ~ ' of ' ~ compared ~ ': '
        ~ asof.rows_in_words(few)}) -}}
{% endmacro %}

{# The points of a group, at moments (SQL literals), at which its text as last built differs from what was recorded. #}
{% macro group_differences_sql(spec, moments) -%}
    {%- set keys = spec['keys'] | map(attribute='name') | join(', ') -%}
    {%- set text = "select compiled_sql from " ~ asof.registry('definitions') ~ " where id = '" ~ spec.id ~ "'" -%}
    with asof_sampled as (
        select as_of
        from {{ asof.registry('counted_moments') }}
        where group_id = '{{ spec.id }}' and as_of in ({{ moments | join(', ') }})
    ),
    -- the source took its rows back of what it forgot: that past cannot come out again
    asof_chosen as (
        select {{ keys }}
        from {{ asof.relation_of(spec.entity) }}
        group by {{ keys }}
        having count(asof_forgotten_in_run) = 0
    ),
    {{ asof.replay_differences_sql(spec, run_query(text).rows[0][0]) }}
{%- endmacro %}

{#
  A service's text as last built against the one that was published: {compared, differs}, one of them none. Both answer
  the same requests. was: its entry in the published manifest.
#}
{% macro compare_service(spec, was) %}
    {%- set contract = asof.contract_of(spec.id, was.definition) -%}
    {%- if contract is none -%}
        {{- return({'differs': 'the one that was published is not on record here.'}) -}}
    {%- elif contract.gone -%}
        {{- return({'differs': 'the one that was published read ' ~ contract.gone
            ~ ', which is no longer in the project.'}) -}}
    {%- endif -%}
    {%- set now_ = asof.service_manifest(spec) -%}
    {%- set declares = asof.interface_of(now_) -%}
    {%- for part, before in asof.interface_of(was).items() if tojson(before) != tojson(declares[part]) -%}
        {{- return({'differs': 'it declares other ' ~ part ~ ': ' ~ tojson(declares[part]) ~ ', before '
            ~ tojson(before) ~ '.'}) -}}
    {%- endfor -%}
    {%- set compared_sql = asof.compared_answers_sql(spec, contract, now_.sql) -%}
    {%- set answers, count = run_query('select count(*), count(*) filter (where asof_differs) from (' ~ compared_sql
        ~ ') as compared').rows[0].values() -%}
    {%- if answers | int == 0 -%}
        {{- return({'differs': 'there is no example and no entity to compare its answers for.'}) -}}
    {%- endif -%}
    {%- set compared = answers ~ ' answers to examples and entities' -%}
    {%- if count | int == 0 -%}{{- return({'compared': compared}) -}}{%- endif -%}
    {%- set few = run_query('select * from (' ~ compared_sql
        ~ ') as compared where asof_differs order by row_id limit 3') -%}
    {{- return({'differs': 'gives other values than the published one in ' ~ count ~ ' of ' ~ compared ~ ': '
        ~ asof.rows_in_words(few)}) -}}
{% endmacro %}

{# What a service declares to callers in a manifest, apart from texts. #}
{% macro interface_of(service) %}
    {%- set request, groups, features = [], [], [] -%}
    {%- for column in service.request -%}
        {%- do request.append([column.name, column.type, column.required]) -%}
    {%- endfor -%}
    {%- for group in service.groups -%}
        {%- do groups.append([group.name, group.group, group.get('keys'), group.get('via')]) -%}
    {%- endfor -%}
    {%- for feature in service.features -%}{%- do features.append([feature.name, feature.type]) -%}{%- endfor -%}
    {{- return({'keys': asof.names_and_types(service['keys']), 'request columns': request, 'groups': groups,
        'columns': features}) -}}
{% endmacro %}

{# One row per request: whether a service's texts of before and of now answer it differently, and how, by column. #}
{% macro compared_answers_sql(spec, contract, sql) %}
    {%- set requests = asof.requests_to_compare_sql(spec) -%}
    {%- set names = ['status', 'rejected_columns'] -%}
    {%- for group in spec.groups -%}{%- do names.append(group.name ~ '_status') -%}{%- endfor -%}
    {%- do names.extend(spec.features | map(attribute='name')) -%}
    select
        coalesce(was.row_id, now_.row_id) as row_id,
        (
            was.row_id is null
            or now_.row_id is null
            {%- for name in names %}
            or was.{{ name }} is distinct from now_.{{ name }}
            {%- endfor %}
        ) as asof_differs
        {%- for name in names %},
        case when was.{{ name }} is distinct from now_.{{ name }} then
            coalesce(cast(was.{{ name }} as varchar), 'null') || ' before, '
            || coalesce(cast(now_.{{ name }} as varchar), 'null') || ' now'
        end as {{ name }}
        {%- endfor %}
    from (
        {{ asof.answers_to_sql(contract, contract.sql, requests, contract.histories) }}
    ) as was
    full join (
        {{ asof.answers_to_sql(spec, sql, requests) }}
    ) as now_ on now_.row_id = was.row_id
{% endmacro %}

{# What a service's text answers to requests. service: its spec or contract; requests: a subquery with its alias. #}
{% macro answers_to_sql(service, sql, requests, histories={}) -%}
    {{ asof.looked_up_sql(service, requests, histories, has_sequence_number=true) }},
    answer as (
        {{ sql }}
    )
    select * from answer
{%- endmacro %}

{#
  The examples of a service, and one request for each entity of its first group in the current publication, as of when
  that was made. The request columns of the latter are those of some example.
#}
{% macro requests_to_compare_sql(spec) %}
    {%- set examples = asof.relation_of(spec.examples_node) -%}
    {%- set request = spec.request | map(attribute='name') | list -%}
    {%- set keys = spec['keys'] | map(attribute='name') | list -%}
    {%- set current = asof.newest_publication() -%}
    {%- set as_of_sql %}
        select as_of
        from {{ asof.registry('publications') }}
        where sequence_number = {{ current.sequence_number }} and group_id = '{{ spec.groups[0].group }}'
    {%- endset -%}
    {%- set as_of = run_query(as_of_sql).columns[0].values() | first -%}
    (
        select
            cast(row_id as varchar) as row_id,
            {% for name in keys + request %}{{ name }}, {% endfor %}
            prediction_time,
            {{ 'sequence_number' if spec.has_sequence_number else 'cast(null as bigint)' }} as sequence_number
        from {{ examples }}
        {%- if as_of is not none and keys | sort == spec.groups[0]['keys'] | sort %}
        union all
        select
            'entity ' || entity.asof_place,
            {% for name in keys %}entity.{{ name }}, {% endfor %}
            {% for name in request %}example.{{ name }}, {% endfor %}
            {{ asof.sql_time(current.published_at) }},
            {{ current.sequence_number }}
        from {{ asof.population_sql(spec, asof.time_literal(as_of)) }} as entity
        left join (
            select *, row_number() over (order by row_id) - 1 as asof_number, count(*) over () as asof_examples
            from {{ examples }}
        ) as example on example.asof_number = mod(entity.asof_place, example.asof_examples)
        {%- endif %}
    ) as asof_request
{% endmacro %}

{# A few rows as text: the columns that are not null, by name. #}
{% macro rows_in_words(table) %}
    {%- set rows = [] -%}
    {%- for row in table.rows -%}
        {%- set said = [] -%}
        {%- for name, value in row.dict().items() if value is not none and name != 'asof_differs' -%}
            {%- do said.append(name ~ ' ' ~ value) -%}
        {%- endfor -%}
        {%- do rows.append(said | join(', ')) -%}
    {%- endfor -%}
    {{- return(rows | join('; ') ~ '.') -}}
{% endmacro %}
