{#
  The rules of data health: each is {key, of, hold, warn, means, todo}. `of` lists the kinds of profiles that it judges
  ('group', 'service', 'requests', 'events'), `hold` and `warn` are the thresholds of the two levels (a rule without
  one of them has no such level), and `todo` is what to do about a finding. docs/health.md is the same as a table.
#}
{% macro health_rules() %}
    {%- set rules %}
        - key: null_rate
          of: [group, service, events]
          hold: 0.5
          warn: 0.05
          means: >-
            held: over this part of a column's rows is null that was under a tenth; warned: the part that is null left
            its past range by this much
          todo: look at the model and at the source of the column
        - key: rows
          of: [group]
          hold: 0.6
          warn: 0.1
          means: >-
            held: the group has fewer rows than this part of the median of its last seven builds; warned: its rows left
            their past range by this part
          todo: look at the group's entities
        - key: mean
          of: [group, service]
          warn: 0.5
          means: the mean of a number left its past range by this many standard deviations of the column
          todo: look for a changed unit or source
        - key: rank
          of: [group, service]
          warn: 0.1
          means: >-
            the mean place of a number among the bins of its histogram left its past range by this part of all
            bins, in two of three builds
          todo: look for a changed unit or source
        - key: category_share
          of: [group, service, events]
          warn: 0.05
          means: the part of the rows that has a category left its past range by this much (events twice this much)
          todo: look for renamed or lost categories
        - key: unseen
          of: [group, service, events]
          warn: 0.02
          means: over this part of the rows has a category that was never seen before
          todo: look for renamed categories, and add new ones to `categories` in the column's YAML
        - key: category_gone
          of: [group, service, events]
          warn: 20
          means: a category that always had this many rows, or of which as many were expected, has none
          todo: look for a source or a part of it that stopped
        - key: unchanged
          of: [group]
          warn: 2
          means: the values of a column stood still for over this many times their longest standstill
          todo: look for a source that stopped, or an incremental model that no longer adds rows
        - key: rejected
          of: [service, requests]
          hold: 0.5
          warn: 0.05
          means: >-
            held: over this part of the examples is REJECTED, and it was under a tenth; warned: the part left its past
            range by this much. What callers send is only ever warned
          todo: look at the columns that reject
        - key: freshness
          of: [events]
          hold: 1
          means: no new row for longer than this many times the `freshness.error_after` that its source declares
          todo: look at the loading of the source
        - key: stopped
          of: [events]
          hold: 1.5
          means: >-
            no new row for longer than this many times the 99th percentile of its gaps, although the same hours of the
            last four weeks had 50 or more each
          todo: look at the loading of the source
        - key: gap
          of: [events]
          hold: 2
          means: no new row for longer than this many times its longest gap in 56 days
          todo: look at the loading of the source
        - key: volume_low
          of: [events]
          warn: 0.5
          means: fewer new rows than this part of the least of the same hours in four weeks, in two of three
          todo: look for a part of the source that stopped
        - key: volume_high
          of: [events]
          warn: 1.6
          means: more new rows than this many times the most of the same hours in four weeks, in two of three
          todo: look for rows that are loaded twice
        - key: distribution
          of: [events]
          warn: 0.2
          means: >-
            the distributions of a number in the new rows and before them are further apart than this
            (Kolmogorov-Smirnov)
          todo: look for a changed unit or source
        - key: copies
          of: [events]
          warn: 0.01
          means: over this part of the new rows equals another row in all but the id
          todo: look for rows that are loaded twice
        - key: future
          of: [events]
          warn: 0.01
          means: over this part of the new rows occurred after it was known, or after the run
          todo: look for a wrong time zone or clock
        - key: lateness
          of: [events]
          warn: 1.3
          means: >-
            the median of the last day's lateness, from occurred_at to known_at, is over this many times the longest of
            the days before
          todo: look at the loading of the source; `asof lateness` says what settle time would have been enough
    {%- endset -%}
    {{- return(fromyaml(rules)) -}}
{% endmacro %}

{#
  A SQL expression: the threshold of a rule for the columns `subject` and `column_name` of the row at hand; null where
  it is switched off, so that nothing compares with it.

  options: what YAML says, [{subject, column_name, rule, level, threshold}]; '' stands for all subjects or columns, a
  threshold of none switches off. A column's own line goes before its subject's, and that before all subjects'.
#}
{% macro health_limit(rule, level, options) %}
    {%- set rules = {} -%}
    {%- for each in asof.health_rules() -%}{%- do rules.update({each.key: each}) -%}{%- endfor -%}
    {%- set cases = {3: [], 2: [], 1: [], 0: []} -%}
    {%- for option in options if option.rule == rule and option.level == level -%}
        {%- set tests = [] -%}
        {%- if option.subject -%}{%- do tests.append('subject = ' ~ asof.literal(option.subject)) -%}{%- endif -%}
        {%- if option.column_name -%}
            {%- do tests.append('column_name = ' ~ asof.literal(option.column_name)) -%}
        {%- endif -%}
        {%- do cases[(2 if option.column_name else 0) + (1 if option.subject else 0)].append(
            'when ' ~ (tests | join(' and ') or 'true') ~ ' then ' ~ asof.literal(option.threshold)) -%}
    {%- endfor -%}
    {%- set lines = cases[3] + cases[2] + cases[1] + cases[0] -%}
    {%- set default = asof.literal(rules[rule][level]) -%}
    {{- return('cast(case ' ~ lines | join(' ') ~ ' else ' ~ default ~ ' end as double)' if lines else default) -}}
{% endmacro %}
