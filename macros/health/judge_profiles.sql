{#
  What the rules find in what a run built: [{rule, level, kind, subject, column_name, was, found, allowed}], and which
  subjects they judged: {findings, judged: [[kind, subject]]}. run_id: of the last build. Where a rule both holds and
  warns, it holds.
#}
{% macro judge_profiles(run_id) %}
    {%- set sql %}
        select
            kind,
            subject,
            max(as_of) filter (where run_id = {{ asof.literal(run_id) }}) as judged_at,
            kind <> 'events' and {{ asof.health_has_enough() }} as has_enough
        from {{ asof.registry('profiles') }}
        where column_name = ''
        group by kind, subject
        having judged_at is not null
    {%- endset -%}
    {%- set judged, measured, ns = [], [], namespace(as_of=none, has_enough=false) -%}
    {%- for kind, subject, as_of, has_enough in run_query(sql).rows -%}
        {%- do judged.append([kind, subject]) -%}
        {%- set ns.has_enough = ns.has_enough or has_enough -%}
        {%- set ns.as_of = asof.sql_time(asof.time_literal(as_of)) -%}
    {%- endfor -%}
    {%- if not judged -%}{{- return({'findings': [], 'judged': []}) -}}{%- endif -%}
    {%- set options, accepted = asof.health_options(), asof.accepted_normals_sql() -%}
    {%- set events = {} -%}
    {%- for name, event in asof.event_relations().items() if ['events', name] in judged -%}
        {%- do events.update({name: event}) -%}
    {%- endfor -%}
    {%- set types = asof.columns_of_all(events.values() | map(attribute='relation')) if events else {} -%}
    {%- set large = asof.events_of_thirty_rows(events) -%}
    {%- for name, event in events.items() if name in large or asof.error_after_seconds(event.node) is not none -%}
        {%- set spec = {'name': name, 'columns': [], 'error_after_seconds': asof.error_after_seconds(event.node)} -%}
        {%- for column, type in types[event.relation | string].items() -%}
            {%- do spec.columns.append({'name': column, 'type': type}) -%}
        {%- endfor -%}
        {%- do measured.append(asof.event_measures_sql(event.relation, spec, ns.as_of,
            asof.profiled_before_sql('events', name, ns.as_of), accepted)) -%}
    {%- endfor -%}
    {%- set names = ['rule', 'level', 'kind', 'subject', 'column_name', 'was', 'found', 'allowed'] -%}
    {#- one after the other: planned as one query they take five times as long -#}
    {%- set found_sql %}
        create or replace temporary table asof_found (
            {%- for name in names %}{{ name }} varchar{{ ', ' if not loop.last }}{% endfor -%}
        );
        {%- if ns.has_enough %}
        insert into asof_found select {{ names | join(', ') }} from (
            {{ asof.profile_findings_sql(asof.counted_profiles_sql(), run_id, asof.registry('findings'), accepted,
                options) }}
        ) as found;
        {%- endif %}
        {%- for rows in measured %}
        {{ 'create or replace temporary table asof_measured as' if loop.first else 'insert into asof_measured' }}
        {{ rows }};
        {%- endfor %}
        {%- if measured %}
        insert into asof_found select {{ names | join(', ') }} from (
            {{ asof.event_findings_sql('asof_measured', accepted, options) }}
        ) as found;
        drop table asof_measured;
        {%- endif %}
        select * from asof_found order by level, kind, subject, column_name, rule
    {%- endset -%}
    {%- set findings, held = [], [] -%}
    {%- for row in run_query(found_sql).rows -%}{%- do findings.append(row.dict()) -%}{%- endfor -%}
    {%- for each in findings if each.level == 'hold' -%}
        {%- do held.append(asof.finding_key(each, 'warn')) -%}
    {%- endfor -%}
    {%- set kept = [] -%}
    {%- for each in findings if asof.finding_key(each) not in held -%}{%- do kept.append(each) -%}{%- endfor -%}
    {{- return({'findings': kept, 'judged': judged}) -}}
{% endmacro %}

{# The names of the event models that have 30 rows or more: fewer say nothing of a feed. #}
{% macro events_of_thirty_rows(events) %}
    {%- if not events -%}{{- return([]) -}}{%- endif -%}
    {%- set counted -%}
        {%- for name, event in events.items() %}
        select {{ asof.literal(name) }} as name
        from (select 1 from {{ event.relation }} limit 30) as first_rows
        having count(*) = 30
        {{ 'union all' if not loop.last }}
        {%- endfor %}
    {%- endset -%}
    {{- return(run_query(counted).columns[0].values() | list) -}}
{% endmacro %}

{# What makes a finding the same from run to run. #}
{% macro finding_key(finding, level=none) %}
    {{- return([finding.rule, level or finding.level, finding.kind, finding.subject, finding.column_name]) -}}
{% endmacro %}

{#
  The event models and where their rows stand: {name: {node, relation}}. Of an ephemeral one, as a group reads it. Of
  those that stay on another engine, only where it handed over their rows of late.
#}
{% macro event_relations() %}
    {%- set events = {} -%}
    {%- set handover = asof.handover() -%}
    {%- for node in asof.models_of('event') if node.config.materialized != 'ephemeral'
        and (handover is none or (handover.relations.get(node.unique_id) or {}).get('files')) -%}
        {%- do events.update({node.name: {'node': node, 'relation': asof.relation_of(node)}}) -%}
    {%- endfor -%}
    {%- for node in asof.models_of('group') -%}
        {%- for parent in node.depends_on.nodes if parent in graph.nodes -%}
            {%- set event = graph.nodes[parent] -%}
            {%- if asof.role(event) == 'event' and event.config.materialized == 'ephemeral' -%}
                {%- do events.update({event.name: {'node': event, 'relation': asof.event_relation(node, event)}}) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {{- return(events) -}}
{% endmacro %}

{# The moment of the run before that profiled this, as a SQL expression; null where there was none. #}
{% macro profiled_before_sql(kind, subject, now) -%}
    (
        select max(as_of)
        from {{ asof.registry('profiles') }}
        where kind = {{ asof.literal(kind) }} and subject = {{ asof.literal(subject) }} and as_of < {{ now }}
    )
{%- endmacro %}

{#
  How old the newest row of an event model may be, as the sources under it declare by `freshness.error_after`, in
  seconds: of several the longest; none where none does.
#}
{% macro error_after_seconds(node) %}
    {%- set found = [] -%}
    {%- for unique_id in asof.lineage_of([node], to_leaves=true) if unique_id in graph.sources -%}
        {%- set freshness = graph.sources[unique_id].get('freshness')
            or (graph.sources[unique_id].config or {}).get('freshness') or {} -%}
        {%- set after = freshness.get('error_after') or {} -%}
        {%- if after.get('count') -%}
            {%- do found.append(asof.seconds(after.count ~ ' ' ~ after.period, 'freshness')) -%}
        {%- endif -%}
    {%- endfor -%}
    {{- return(found | max if found else none) -}}
{% endmacro %}
