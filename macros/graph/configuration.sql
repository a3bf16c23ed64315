{#
  The schema of what a project configures: every key of ours in `config.meta` of models, sources and columns, and
  every var. Each is {key, of, type, means}: `of` lists where it may stand (the roles of models, or `source`), `type`
  is one of is_value. check_configuration holds a project against it, and docs/configuration.md is the same as
  tables.
#}
{% macro configuration() %}
    {%- set schema %}
        meta:
          - key: owner
            of: [group, service]
            type: text
            means: who answers for it; required, unless it has a dbt group
          - key: max_age
            of: [group]
            type: length
            means: how old its moment may grow before its features are null and its status is STALE; required
          - key: target
            of: [group]
            type: length
            means: how fresh it should be; an older moment is an alert, and its features are served all the same
          - key: publish
            of: [group, service]
            type: boolean
            means: "false: under construction, never published"
          - key: lookups
            of: [service]
            type: lookups
            means: "by lookup, where its keys come from: a stored column (group.column), or what the caller sends"
          - key: trained_on
            of: [service]
            type: text
            means: "the name of the training set that its model was trained on, to compare with"
          - key: safety_lag
            of: [event]
            type: length
            means: the assumed delay of a source without a load time
          - key: retention
            of: [event]
            type: length
            means: how long its source keeps rows; replay reaches no further back
          - key: health
            of: [group, service, event]
            type: health
            means: "what its health rules allow (docs/health.md); false: it has none"
          - key: known_within
            of: [examples]
            type: length
            means: "how long after its prediction_time an example may become known (none: no time at all)"
          - key: known_at
            of: [source, seed, snapshot, event, other]
            type: text
            means: the column that says since when a row is known, for the proof, where it has no loaded_at_field
          - key: overwritten
            of: [source, seed, snapshot, event, other]
            type: boolean
            means: "true: its rows are overwritten, so the proof takes it on trust"
        columns:
          - key: range
            of: [group, service, examples]
            type: range
            means: the lowest and the highest value
          - key: categories
            of: [group, service, examples]
            type: list
            means: the known values, beside other
          - key: max_null_rate
            of: [group, service, examples]
            type: fraction
            means: the part of the rows that may be null
          - key: missing
            of: [service]
            type: missing
            means: "reject: where it is null, the row is REJECTED"
          - key: out_of_range
            of: [service]
            type: out_of_range
            means: "null: outside its range it is null; else the row is REJECTED"
          - key: label
            of: [examples]
            type: boolean
            means: "true: a label"
          - key: optional
            of: [examples]
            type: boolean
            means: "true: a request column that callers may leave out"
          - key: personal
            of: [group, examples]
            type: boolean
            means: "true: a key or request column of which the request log holds a hash only"
          - key: health
            of: [group, service, event]
            type: health
            means: "what its health rules allow (docs/health.md); false: it has none"
        vars:
          - key: asof_publish_lag
            type: length
            means: how long after its moment a build is usually published; required
          - key: asof_publish_to
            type: folders
            means: where each target publishes; a target that is not in it never does
          - key: asof_training_to
            type: folders
            means: where each target writes training sets as Parquet
          - key: asof_pickup
            type: length
            means: how long the shim may take to pick up a publication, for parity (5 seconds)
          - key: asof_parity_floor
            type: fraction
            means: the part of the logged answers that must be comparable (0.95)
          - key: asof_replay
            type: boolean
            means: "false leaves replay out of a run"
          - key: asof_latest_in_engine
            type: boolean
            means: "true: `asof build --engine` keeps the published latest rows in PostgreSQL, too"
          - key: asof_training_cutoff
            type: time
            means: training sets as if it had been that moment; nothing is published then
          - key: as_of
            type: time
            means: the moment of this run, if it is not now; never beyond now
          - key: backfill
            type: backfill
            means: the moments of a backfill
    {%- endset -%}
    {{- return(fromyaml(schema)) -}}
{% endmacro %}
