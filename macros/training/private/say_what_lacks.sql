{# Says what a training set without a single row lacks: a past of the service's groups, labels, or columns. #}
{% macro say_what_lacks(spec, counts) %}
    {%- set what = spec.id ~ ' has no training rows yet: ' -%}
    {%- if counts.no_snapshot > 0 -%}
        {%- do asof.say(what ~ counts.no_snapshot ~ ' examples are of times at which nothing was published. Give '
            ~ 'its groups a past and build again: ' ~ asof.backfill_command(spec)) -%}
    {%- elif counts.not_yet_labelled > 0 -%}
        {%- do asof.say(what ~ counts.not_yet_labelled ~ ' examples wait for a label_known_at that lies before '
            ~ 'this run (' ~ spec.examples_node.original_file_path ~ ').') -%}
    {%- else -%}
        {%- do asof.say(what ~ 'the answers to all examples are rejected (' ~ spec.node.original_file_path ~ ').') -%}
    {%- endif -%}
{% endmacro %}

{#
  The command that gives the groups of a service a past: from the day of its first example to the first moment that
  counts (or will, if this run does), so often that the features are never older than their max_age.
#}
{% macro backfill_command(spec) %}
    {%- set groups, ages, ends = [], [], [asof.run_as_of()] -%}
    {%- for group in spec.groups -%}
        {%- do groups.append('+' ~ group.spec.history_node.name) -%}
        {%- do ages.append(group.spec.max_age_seconds) -%}
        {%- set counted = asof.counted_span(group.spec.id) -%}
        {%- if counted.first -%}{%- do ends.append(counted.first) -%}{%- endif -%}
    {%- endfor -%}
    {%- set every = [ages | min - asof.publish_lag_seconds(), 60] | max -%}
    {%- set length = (every // 3600) ~ ' hours' if every >= 3600 else (every // 60) ~ ' minutes' -%}
    {%- set first = run_query('select min(prediction_time) from ' ~ asof.relation_of(spec.examples_node)).rows[0][0] -%}
    {%- set last = asof.as_datetime(ends | min) - modules.datetime.timedelta(seconds=1) -%}
    {{- return('dbt run --select ' ~ groups | unique | join(' ') ~ " --vars '{backfill: {from: "
        ~ asof.time_literal(first)[:10] ~ ', to: ' ~ asof.rfc3339(asof.time_literal(last))[:19] ~ 'Z, every: '
        ~ length ~ "}}'") -}}
{% endmacro %}
