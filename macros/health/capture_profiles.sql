{#
  Keeps the profiles of what a normal run built: each group over its latest table, each service over the answers to its
  newest examples and to its newest logged requests, each event model over its newest rows. One round trip to the
  engine for all of them. Of what was carried over there is none.

  Newest are the rows since the run before, at least the newest 300 of the last 7 days.
#}
{% macro capture_profiles(results) %}
    {%- if flags.WHICH not in ['run', 'build', 'retry'] or flags.EMPTY or flags.SAMPLE
            or asof.backfill_range() is not none or asof.training_cutoff() is not none -%}
        {{- return(none) -}}
    {%- endif -%}
    {%- set built = [] -%}
    {%- for result in results if result.node.resource_type == 'model' and result.status | string == 'success' -%}
        {%- do built.append(result.node.unique_id) -%}
    {%- endfor -%}
    {%- if asof.handover() is not none -%}
        {%- do built.extend(asof.event_relations().values() | map(attribute='node.unique_id')) -%}
    {%- endif -%}
    {%- set subjects = asof.subjects_of(built) -%}
    {%- if not subjects -%}{{- return(none) -}}{%- endif -%}
    {%- set as_of = asof.run_as_of() -%}
    {%- set known = asof.known_of_profiles() -%}
    {%- for subject in subjects -%}
        {%- do subject.update({'known': known.get(subject.kind ~ ':' ~ subject.subject, {})}) -%}
    {%- endfor -%}
    {%- set statements %}
        insert into {{ asof.registry('profiles') }}
        {{ asof.profile_sql(subjects, invocation_id, as_of) }};
        {{ asof.forget_profiles_sql() }}
    {%- endset -%}
    {%- do run_query(statements) -%}
{% endmacro %}

{# What there is to profile of the models that were built, as asof.profile_sql takes it, `known` aside. #}
{% macro subjects_of(built) %}
    {%- set subjects, events, hidden = [], {}, asof.hidden_columns() -%}
    {%- set ephemeral = [] -%}
    {%- for node in asof.models_of('group') -%}
        {%- set spec = asof.group_spec_of(node) -%}
        {%- if spec.latest_node.unique_id in built -%}
            {%- do subjects.append(asof.group_subject(spec, hidden)) -%}
            {%- do ephemeral.extend(spec.events | map(attribute='unique_id')) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for name, event in asof.event_relations().items() -%}
        {%- set builds = ephemeral if event.node.config.materialized == 'ephemeral' else built -%}
        {%- if event.node.unique_id in builds -%}{%- do events.update({name: event}) -%}{%- endif -%}
    {%- endfor -%}
    {%- set logged = asof.request_log_folder() is not none -%}
    {%- for node in asof.models_of('service') if node.unique_id in built -%}
        {%- set spec = asof.service_spec_of(node) -%}
        {%- do subjects.append(asof.service_subject(spec, hidden)) -%}
        {%- if logged -%}{%- do subjects.append(asof.requests_subject(spec)) -%}{%- endif -%}
    {%- endfor -%}
    {%- set types = asof.columns_of_all(events.values() | map(attribute='relation')) if events else {} -%}
    {#- a table beside the events, such as a calendar, has no times -#}
    {%- for event in events.values() if 'known_at' in types[event.relation | string]
        and 'occurred_at' in types[event.relation | string] and 'event_id' in types[event.relation | string] -%}
        {%- do subjects.append(asof.event_subject(event.node, event.relation, types[event.relation | string],
            hidden)) -%}
    {%- endfor -%}
    {{- return(subjects) -}}
{% endmacro %}

{#
  What earlier profiles fix for the next: {'group:shipment@1': {column: {bins, categories}}}. bins: the edges of the
  newest profile that has them; categories: all values of those that count. Neither from before a new normal was
  accepted.
#}
{% macro known_of_profiles() %}
    {%- set sql %}
        select
            kind,
            subject,
            column_name,
            cast(arg_max(bins, as_of) as varchar) as bins,
            {{ asof.values_of_all('top') }} as categories
        from {{ asof.counted_profiles_sql() }} as profile
        where
            column_name <> ''
            and state = 'healthy'
            and not exists (
                select 1
                from {{ asof.accepted_normals_sql() }} as accepted
                where
                    accepted.id in (profile.subject, profile.subject || '.' || profile.column_name)
                    and accepted.accepted_at >= profile.as_of
            )
        group by kind, subject, column_name
        having count(bins) + count(top) > 0
    {%- endset -%}
    {%- set known = {} -%}
    {%- for kind, subject, column, bins, categories in run_query(sql).rows -%}
        {%- do known.setdefault(kind ~ ':' ~ subject, {}).update({column: {'bins': bins,
            'categories': fromjson(categories) if categories else none}}) -%}
    {%- endfor -%}
    {{- return(known) -}}
{% endmacro %}

{#
  The profiles with `state`. healthy: a publication names the run for a group of the component; held: none does, so that
  it is no past.
#}
{% macro counted_profiles_sql() -%}
    (
        select
            profile.*,
            case when published.run_id is not null then 'healthy' else 'held' end as state
        from {{ asof.registry('profiles') }} as profile
        left join (
            select distinct part.kind, part.subject, publication.run_id
            from (values {{ asof.parts_of_components() }}) as part (kind, subject, group_id)
            inner join {{ asof.registry('publications') }} as publication on publication.group_id = part.group_id
        ) as published
            on
                published.kind = profile.kind
                and published.subject = profile.subject
                and published.run_id = profile.run_id
    )
{%- endmacro %}

{# Which new normals were accepted, and when: (id, accepted_at). #}
{% macro accepted_normals_sql() -%}
    (select id, accepted_at from {{ asof.registry('accepted') }} where definition = 'health')
{%- endmacro %}

{# Rows of (kind, subject, group): which groups' publications make a profile count. #}
{% macro parts_of_components() %}
    {%- set rows = [] -%}
    {%- for node in asof.models_of('group') -%}
        {%- set spec = asof.group_spec_of(node) -%}
        {%- do rows.append(asof.literals(['group', spec.id, spec.id])) -%}
        {%- for event in spec.events -%}
            {%- do rows.append(asof.literals(['events', event.name, spec.id])) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- for node in asof.models_of('service') -%}
        {%- set spec = asof.service_spec_of(node) -%}
        {%- for lookup in spec.groups -%}
            {%- for kind in ['service', 'requests'] -%}
                {%- do rows.append(asof.literals([kind, spec.id, lookup.group])) -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endfor -%}
    {{- return('(' ~ rows | join('), (') ~ ')' if rows else "('', '', '')") -}}
{% endmacro %}

{#
  Forgets old profiles of each subject: kept are the newest 60 runs, of 9 days the newest of each hour, and of 60 days
  the newest of each day.
#}
{% macro forget_profiles_sql() -%}
    delete from {{ asof.registry('profiles') }} as profile
    using (
        select
            kind,
            subject,
            run_id,
            as_of,
            max(as_of) over (partition by kind, subject) as newest,
            row_number() over (partition by kind, subject order by as_of desc) as place,
            row_number() over (partition by kind, subject, date_trunc('hour', as_of) order by as_of desc) as of_hour,
            row_number() over (partition by kind, subject, date_trunc('day', as_of) order by as_of desc) as of_day
        from {{ asof.registry('profiles') }}
        where column_name = ''
    ) as kept
    where
        kept.kind = profile.kind
        and kept.subject = profile.subject
        and kept.run_id = profile.run_id
        and kept.place > 60
        and not (kept.of_hour = 1 and kept.as_of > kept.newest - interval '9 days')
        and not (kept.of_day = 1 and kept.as_of > kept.newest - interval '60 days')
{%- endmacro %}
