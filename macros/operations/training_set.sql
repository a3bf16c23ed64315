{#
  `dbt run-operation training_set --args '{service: late_delivery@1, examples: "asked.parquet", cutoff:
  "2026-05-01T00:00:00Z"}'`: writes the training rows of any examples as a set that can be named and built again:
  `<training folder>/sets/<service>_v<n>-<id>.parquet`, the examples beside it (`.examples.parquet`), and last its
  manifest (`.json`), whose path is printed.

  service: of its latest version unless said. examples: a Parquet or CSV file with the keys, prediction_time, request
  columns, and if it has them row_id, sequence_number and the labels with label_known_at; the service's examples model
  unless said. cutoff: what was asked or known later is left out, as in asof_training_cutoff; the run's now unless
  said. every: also the examples that are no training rows (rejected, without a snapshot, lost, not yet labelled) have
  a row, with their status.

  The id is the hash of what determines the rows: the same definition, cut-off, examples and looked-up history give
  the same id and the same bytes, whenever and wherever they are built. A set that is there is never written again.
  Errors: examples that the API would have refused, by column and row.
#}
{% macro training_set(service, examples=none, cutoff=none, every=false) %}
    {%- if not execute -%}{{- return('') -}}{%- endif -%}
    {%- if asof.training_folder() is none -%}
        {{- asof.refuse('the target ' ~ target.name ~ ' writes no training sets. Name a folder for it in '
            ~ 'dbt_project.yml: `vars: {asof_training_to: {' ~ target.name ~ ': training}}`.') -}}
    {%- endif -%}
    {%- do asof.open_records() -%}
    {%- set spec = asof.service_named(service) -%}
    {%- set now = asof.now() -%}
    {%- set cutoff = asof.parse_time(cutoff, 'cutoff') if cutoff is not none else now -%}
    {%- if cutoff > now -%}
        {{- asof.refuse('the cutoff is ' ~ cutoff ~ ', which lies beyond now (' ~ now
            ~ '): nothing is known of that moment yet.') -}}
    {%- endif -%}
    {%- set source = asof.examples_file(examples) if examples is not none else asof.examples_table(spec) -%}
    {%- set given = asof.take_examples(spec, source, cutoff, now, examples is not none) -%}
    {%- do asof.answer_examples(spec, given) -%}

    {%- set described = asof.describe_set(spec, given, cutoff, every) -%}
    {%- set folder = asof.training_folder() ~ '/sets' -%}
    {%- set name = spec.base ~ '-' ~ described.id -%}
    {%- set manifest_path = folder ~ '/' ~ name ~ '.json' -%}
    {%- set existing = asof.read_text(manifest_path) -%}
    {%- if existing -%}
        {%- do asof.check_set_files(folder, fromjson(existing)) -%}
        {%- do asof.say('the training set ' ~ name ~ ' is there already; the same inputs give the same set.') -%}
    {%- else -%}
        {%- do asof.write_set(spec, given, cutoff, every, folder, name, described) -%}
    {%- endif -%}
    {%- if given.later -%}
        {%- do asof.say(given.later ~ ' examples were asked at or after the cut-off ' ~ asof.rfc3339(cutoff)
            ~ ' and left out.') -%}
    {%- endif -%}
    {%- do print(manifest_path) -%}
{% endmacro %}
