{#
  The project's own records, beside its models in the target's schema:

  asof_version        the version of these records, and since when: one row per version that this warehouse came to
  asof_runs           one row per dbt command that builds or tests: when, under which now and moment, whether it ended
  asof_definitions    the compiled SQL of each group and service as of each run that built it
  asof_results        the last result of every model and test, and the run it came from
  asof_moments        what was evaluated: (group, as_of, run), with what it stood on and a checksum of the rows it appended
  asof_known_rows     per moment, how many rows of each event model were known then
  asof_backfills      backfills begun, and when they were completed
  asof_publications   the publication record: one row per (publication, group); follows the pointer. as_of is null where the rows
                      that were served are lost; of kind `lost` nothing but the number is known (accept_loss)
  asof_contracts      each published definition of each service, as its manifest says: what its answers are rebuilt by
  asof_requests       the shim's request log, what parity found of each row, and why a difference was accepted
  asof_accepted       definitions that a person accepted under an unchanged version, with the reason
  asof_equal_definitions  definitions that were accepted over an upgrade, since they give the values of the one before

  and the view asof_counted_moments: the moments that count, since only tested data counts.
#}
{% macro registry(table) %}
    {{- return(api.Relation.create(database=target.database, schema=target.schema, identifier='asof_' ~ table)) -}}
{% endmacro %}

{% macro records_schema() %}
    {{- return(api.Relation.create(database=target.database, schema=target.schema).without_identifier()) -}}
{% endmacro %}
