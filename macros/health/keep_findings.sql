{#
  Keeps what was found of a run: what stands already is one finding, found once more; what is new gets an id; what was
  judged and is not found any more has ended. A warning that returns within a day of its end is the same finding, so
  that a measure about its limit is told once. A hold that returns is a new one. What is warned of a column is part of
  the first such finding of the same subject within a day before: they are likely to have one cause, such as a holiday.
  Adds finding_id, since, times and message to each.
  found: see asof.judge_profiles.
#}
{% macro keep_findings(found, run_id) %}
    {%- set now = asof.now() -%}
    {%- set standing_sql %}
        select
            rule, level, kind, subject, column_name, finding_id, since, times, last_run_id, ended_at,
            level = 'warn'
            and column_name <> ''
            and part_of is null
            and since > {{ asof.sql_time(now) }} - interval '1 day' as may_have_parts
        from {{ asof.registry('findings') }}
        where ended_at is null or (level = 'warn' and ended_at >= {{ asof.sql_time(now) }} - interval '1 day')
        order by ended_at nulls last
    {%- endset -%}
    {%- set standing, first, statements, ended, new = {}, {}, [], [], [] -%}
    {%- for row in run_query(standing_sql).rows -%}
        {%- set each = row.dict() -%}
        {%- do standing.update({tojson(asof.finding_key(each)): each}) -%}
        {%- if each.may_have_parts -%}
            {%- do first.setdefault((each.kind, each.subject), each.finding_id) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set seen = [] -%}
    {%- for finding in found.findings -%}
        {%- set key = tojson(asof.finding_key(finding)) -%}
        {%- set before = standing.get(key) -%}
        {%- do seen.append(key) -%}
        {%- if before is none -%}
            {%- do finding.update({'finding_id': local_md5(key ~ run_id), 'since': now, 'times': 1}) -%}
        {%- else -%}
            {%- do finding.update({'finding_id': before.finding_id, 'since': asof.time_literal(before.since),
                'times': (before.times | int) + (0 if before.last_run_id == run_id else 1)}) -%}
        {%- endif -%}
        {%- do finding.update({'message': asof.finding_message(finding)}) -%}
        {%- if before is none -%}
            {%- set part_of = none -%}
            {%- if finding.level == 'warn' and finding.column_name -%}
                {%- set part_of = first.setdefault((finding.kind, finding.subject), finding.finding_id) -%}
            {%- endif -%}
            {%- do new.append([finding.finding_id] + asof.finding_key(finding) + [finding.was, finding.found,
                finding.allowed, now, run_id, run_id, 1, none, finding.message,
                part_of if part_of != finding.finding_id else none]) -%}
        {%- else -%}
            {%- set again %}
                update {{ asof.registry('findings') }}
                set last_run_id = {{ asof.literal(run_id) }}, times = {{ finding.times }}, ended_at = null,
                    was = {{ asof.literal(finding.was) }}, found = {{ asof.literal(finding.found) }},
                    allowed = {{ asof.literal(finding.allowed) }}, message = {{ asof.literal(finding.message) }}
                where finding_id = {{ asof.literal(finding.finding_id) }}
            {%- endset -%}
            {%- do statements.append(again) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for key, before in standing.items() if before.ended_at is none and key not in seen
        and [before.kind, before.subject] in found.judged -%}
        {%- do ended.append(before.finding_id) -%}
    {%- endfor -%}
    {%- if ended -%}
        {%- do statements.append(asof.end_findings_sql('finding_id in (' ~ asof.literals(ended) ~ ')')) -%}
    {%- endif -%}
    {%- if new -%}{%- do statements.append(asof.insert_sql('findings', new)) -%}{%- endif -%}
    {%- if statements -%}{%- do asof.run_together(statements) -%}{%- endif -%}
{% endmacro %}

{% macro end_findings_sql(condition) -%}
    update {{ asof.registry('findings') }}
    set ended_at = {{ asof.sql_time(asof.now()) }}
    where ended_at is null and {{ condition }}
{%- endmacro %}

{# A finding in one line: what, where, what it was and is, the limit, since when, and what to do. #}
{% macro finding_message(finding) %}
    {%- set where = finding.subject ~ ('.' ~ finding.column_name if finding.column_name else '') -%}
    {%- set rule = asof.health_rule(finding.rule, finding.kind) -%}
    {{- return(where ~ ': ' ~ finding.rule ~ ' is ' ~ finding.found ~ ' and was ' ~ (finding.was or 'not known')
        ~ '; the limit is ' ~ finding.allowed ~ ' (' ~ ('held' if finding.level == 'hold' else 'warned') ~ ', since '
        ~ asof.rfc3339(finding.since) ~ '). Next: ' ~ rule.todo ~ '. If that is the new normal: dbt run-operation '
        ~ 'accept_health --args \'{id: ' ~ where ~ ', reason: "..."}\'.') -}}
{% endmacro %}
