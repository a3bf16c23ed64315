{#
  Writes `health.json` beside the pointer: the findings that stand, how far each event model and group has come, and the
  last 60 profiles of each group and service. Like held.json it is no part of a snapshot, so what is held shows in it.
  Replaced atomically. Before the first publication it is there only if something was found.
#}
{% macro publish_health() %}
    {%- set folder, components = asof.publish_folder(), asof.components() -%}
    {%- set findings = asof.findings_in_health(components) -%}
    {%- if asof.pointer() is none -%}
        {#- a folder that has gone may be one that is not mounted -#}
        {%- if not findings or asof.newest_publication() is not none -%}{{- return(none) -}}{%- endif -%}
        {%- do asof.make_private_folder(folder) -%}
    {%- endif -%}
    {%- set feeds, groups = asof.feeds_in_health(), {} -%}
    {%- for spec in components | map(attribute='groups') | sum(start=[]) -%}
        {%- set newest, names = [], spec.events | map(attribute='name') | list -%}
        {%- for name in names if name in feeds and feeds[name].newest_known_at -%}
            {%- do newest.append(feeds[name].newest_known_at) -%}
        {%- endfor -%}
        {%- do groups.update({spec.id: {'newest_known_at': newest | max if newest else none, 'feeds': names}}) -%}
    {%- endfor -%}
    {%- do asof.fault_point('before_health') -%}
    {%- do asof.write_text(folder ~ '/health.json', tojson({
        'format': 1, 'written_at': asof.rfc3339(asof.now()), 'findings': findings,
        'feeds': feeds, 'groups': groups, 'profiles': asof.profiles_in_health(), 'drift': asof.keep_drift(),
    })) -%}
{% endmacro %}

{#
  The findings that stand, with the groups and services that they concern. What stands a day after the finding that it
  was part of has ended is a finding of its own.
#}
{% macro findings_in_health(components) %}
    {%- set sql %}
        select
            finding_id,
            case
                when
                    part_of in (
                        select finding_id
                        from {{ asof.registry('findings') }}
                        where ended_at is null or ended_at >= {{ asof.sql_time(asof.now()) }} - interval '1 day'
                    )
                    then part_of
            end as part_of,
            rule, level, kind, subject, column_name, was, found, allowed, since, times, message
        from {{ asof.registry('findings') }}
        where ended_at is null
        order by level, since, subject, column_name, rule, kind
    {%- endset -%}
    {%- set findings = [] -%}
    {%- for row in run_query(sql).rows -%}
        {%- set each = row.dict() -%}
        {%- do findings.append({'id': each.finding_id, 'rule': each.rule, 'level': each.level, 'kind': each.kind,
            'subject': each.subject, 'column': each.column_name, 'was': each.was, 'is': each.found,
            'limit': each.allowed, 'since': asof.rfc3339(asof.time_literal(each.since)), 'times': each.times | int,
            'part_of': each.part_of, 'message': each.message,
            'components': asof.components_of(each, components) | map(attribute='ids') | sum(start=[])}) -%}
    {%- endfor -%}
    {{- return(findings) -}}
{% endmacro %}

{# How far each event model had come when it was profiled last. #}
{% macro feeds_in_health() %}
    {%- set sql %}
        select subject, arg_max(rows, as_of), arg_max(details, as_of)
        from {{ asof.registry('profiles') }}
        where kind = 'events' and column_name = ''
        group by subject
        order by subject
    {%- endset -%}
    {%- set events, feeds = asof.event_relations(), {} -%}
    {%- for name, rows, details in run_query(sql).rows if name in events -%}
        {%- set found = fromjson(details) -%}
        {%- do feeds.update({name: {'newest_known_at': found.newest_known_at,
            'newest_occurred_at': found.newest_occurred_at, 'rows': rows | int,
            'error_after_seconds': asof.error_after_seconds(events[name].node)}}) -%}
    {%- endfor -%}
    {{- return(feeds) -}}
{% endmacro %}

{# The last 60 profiles of each group and service, oldest first, of each column as lists beside `as_of`. #}
{% macro profiles_in_health() %}
    {%- set measures = {
        'as_of': 'array_agg(' ~ asof.text_of('as_of') ~ ' order by as_of)',
        'type': 'arg_max(type, as_of)',
        'rows': 'array_agg(rows order by as_of)',
        'null_rate': 'array_agg(round(nulls / nullif(rows, 0), 4) order by as_of)',
        'mean': 'array_agg(mean order by as_of)',
        'histogram': 'arg_max(histogram, as_of)',
        'bins': 'arg_max(bins, as_of)',
        'top': 'arg_max(top, as_of)',
    } -%}
    {%- set sql %}
        select kind, subject, column_name, {{ asof.json_object(measures) }}
        from (
            select *, dense_rank() over (partition by kind, subject order by as_of desc) as place
            from {{ asof.registry('profiles') }}
            where kind in ('group', 'service')
        ) as profile
        where place <= 60
        group by kind, subject, column_name
        order by kind, subject, column_name
    {%- endset -%}
    {%- set ids = [] -%}
    {%- for role in ['group', 'service'] -%}
        {%- for node in asof.models_of(role) -%}
            {%- do ids.append(role ~ ':' ~ asof.versioned_id(node)) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- set profiles = {} -%}
    {%- for kind, subject, column, text in run_query(sql).rows if kind ~ ':' ~ subject in ids -%}
        {%- set measured = fromjson(text) -%}
        {%- set profile = profiles.setdefault(kind ~ ':' ~ subject, {'as_of': measured.as_of, 'columns': {}}) -%}
        {%- do measured.update({'top': fromjson(measured.top) if measured.top else none}) -%}
        {%- do measured.pop('as_of') -%}
        {%- if column -%}{%- do profile.columns.update({column: measured}) -%}{%- endif -%}
    {%- endfor -%}
    {{- return(profiles) -}}
{% endmacro %}
