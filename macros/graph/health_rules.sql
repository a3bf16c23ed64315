{#
  The rules of data health: each is {key, of, hold, warn, means, todo}. `of` lists the kinds of profiles that it judges
  ('group', 'service', 'requests', 'events'); a key stands once for each kind. `hold` and `warn` are the thresholds of
  the two levels (a rule without one of them has no such level), and `todo` is what to do about a finding.
  docs/health.md is the same as a table.
#}
{% macro health_rules() %}
    {%- set rules %}
        - key: null_rate
          of: [group, service]
          hold: 0.5
          warn: 0.05
          means: >-
            held: over this part of a column is null, of which less than a tenth was; warned: the part that is null left
            its past range by this much
          todo: look at the feature's events and at the columns of the source that it reads
        - key: rows
          of: [group]
          hold: 0.6
          warn: 0.1
          means: >-
            held: less than this part of the median of the last seven builds' rows is left; warned: the number of rows
            left its past range by this part
          todo: look at the entities of the group
        - key: mean
          of: [group, service]
          warn: 0.5
          means: the mean of a number left its past range by this many of the column's standard deviations
          todo: look for a changed unit or a changed source
        - key: rank
          of: [group, service]
          warn: 0.1
          means: >-
            the mean place of a number among the bins of its histogram left its past range by this part of all bins,
            in two of three builds
          todo: look for a changed unit or a changed source
        - key: category_share
          of: [group, service]
          warn: 0.05
          means: the part of the rows that has a category left its past range by this much
          todo: look for renamed or lost categories
        - key: unseen
          of: [group, service]
          warn: 0.02
          means: over this part of the rows, and ten rows, has a category that the past did not have
          todo: look for renamed categories; a new one belongs into `categories` of the column's YAML
        - key: category_gone
          of: [group, service]
          warn: 20
          means: a category that always had this many rows has none
          todo: look for a part of the source that stopped
        - key: unchanged
          of: [group]
          warn: 2
          means: >-
            a column, or a whole group, stood still for over this many times its longest standstill, and at least
            six hours
          todo: look for a source that stopped, or for an incremental model that adds no rows
        - key: rejected
          of: [service]
          hold: 0.5
          warn: 0.05
          means: >-
            held: over this part of the examples is REJECTED, of which less than a tenth was; warned: the part left its
            past range by this much
          todo: look at the columns that reject
        - key: rejected
          of: [requests]
          warn: 0.05
          means: the part of the logged answers that is REJECTED left its past range by this much
          todo: look at what callers send
        - key: freshness
          of: [events]
          hold: 1
          means: no new row for longer than this many times the `freshness.error_after` that its source declares
          todo: look at the loading of the source
        - key: stopped
          of: [events]
          hold: 1.5
          means: >-
            no new row for longer than this many times the 99th percentile of its gaps and than 30 minutes, although
            the same hours of each of the last four weeks had 50 or more
          todo: look at the loading of the source
        - key: gap
          of: [events]
          hold: 2
          means: >-
            no new row for longer than this many times its longest gap in 56 days, and than that gap and 20 standard
            deviations of its gaps
          todo: look at the loading of the source
        - key: null_rate
          of: [events]
          hold: 0.5
          warn: 0.05
          means: >-
            held: over this part of a column is null among at least 60 new rows, of which less than a tenth was;
            warned: the part that is null left its past range by this much
          todo: look at the column in the source
        - key: distribution
          of: [events]
          warn: 0.2
          means: >-
            a number among the new rows is distributed further from its past than this, and than one and a half times
            as far as parts of the past were (Kolmogorov-Smirnov)
          todo: look for a changed unit or a changed source
        - key: unseen
          of: [events]
          warn: 0.02
          means: over this part of the new rows, and ten rows, has a category that the past did not have
          todo: look for renamed categories
        - key: category_share
          of: [events]
          warn: 0.1
          means: the part of the new rows that has a category left its past range by this much
          todo: look for renamed or lost categories
        - key: category_gone
          of: [events]
          warn: 20
          means: of a category that was always there, this many new rows were expected, and there are none
          todo: look for a part of the source that stopped
        - key: copies
          of: [events]
          warn: 0.01
          means: >-
            over this part of the new rows, more than in the past, is equal to another row in all but `event_id` and
            `known_at`
          todo: look for rows that are loaded twice
        - key: future
          of: [events]
          warn: 0.01
          means: over this part of the new rows occurred after it was known
          todo: look for a wrong time zone or clock
        - key: lateness
          of: [events]
          warn: 1.3
          means: >-
            the median of the last day's lateness, from `occurred_at` to `known_at`, is over this many times the
            longest of the days before
          todo: look at the loading of the source; a longer settle time keeps late rows out of training too
        - key: late_rows
          of: [events]
          warn: 0.05
          means: the part of the new rows that is later than 99 of 100 were left its past range by this much
          todo: look for a wrong time zone or clock in a part of the source
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
    {%- endset -%}
    {{- return(fromyaml(rules)) -}}
{% endmacro %}

{# The rule of a key for a kind; for any kind that it has where none is given. #}
{% macro health_rule(key, kind=none) %}
    {%- for rule in asof.health_rules() if rule.key == key and (kind is none or kind in rule.of) -%}
        {{- return(rule) -}}
    {%- endfor -%}
{% endmacro %}

{# The kinds of profiles that a rule judges, as a list for `in (...)`. #}
{% macro health_kinds(key) %}
    {{- return(asof.literals(asof.health_rules() | selectattr('key', 'equalto', key) | sum(attribute='of', start=[])
        | reject('equalto', 'events') | list)) -}}
{% endmacro %}

{#
  A SQL expression: the threshold of a rule for `subject` and `column_name` of the row at hand; null where it is
  switched off, so that nothing compares with it.

  kind: for which kind of profiles, where they differ.
  options: what YAML says, [{subject, column_name, rule, level, threshold}]; '' stands for all subjects or columns, a
    threshold of none switches off. A column's own line goes before its subject's, and that before one for all.
#}
{% macro health_limit(rule, level, options, kind=none) %}
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
    {%- set default = asof.literal(asof.health_rule(rule, kind)[level]) -%}
    {{- return('cast(case ' ~ lines | join(' ') ~ ' else ' ~ default ~ ' end as double)' if lines else default) -}}
{% endmacro %}

{# The rules that judge a group, a service (its request log too) or an event model, by its role. #}
{% macro health_rules_of(role) %}
    {%- set kinds = {'group': ['group'], 'service': ['service', 'requests'], 'event': ['events']}[role] -%}
    {%- set found = [] -%}
    {%- for rule in asof.health_rules() if rule.of | select('in', kinds) | list -%}
        {%- do found.append(rule) -%}
    {%- endfor -%}
    {{- return(found) -}}
{% endmacro %}
