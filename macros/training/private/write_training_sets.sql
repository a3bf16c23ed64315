{#
  Training sets as files, `<service>_v<n>.parquet`, so that they can be read while a build holds the warehouse. Each
  is written once its service (also one under construction) is green, and replaced whole.
#}
{% macro write_training_sets() %}
    {%- set built = asof.last_build() -%}
    {%- if asof.training_folder() is none or built is none or built.kind in ['backfill', 'empty', 'cutoff'] -%}
        {{- return(none) -}}
    {%- endif -%}
    {%- set results = asof.last_results() -%}
    {%- for node in asof.models_of('service') -%}
        {%- set training = asof.training_of(node) -%}
        {%- set scope = asof.publication_scope([node.unique_id, training.unique_id]) -%}
        {%- if asof.why_not_green(scope, built, results) is none -%}
            {%- do asof.make_private_folder(asof.training_folder()) -%}
            {%- do asof.fault_point('before_training_file') -%}
            {%- set sql -%}
                select *
                from {{ asof.relation_of(training) }}
                order by prediction_time, row_id
            {%- endset -%}
            {%- set file = node.name ~ '_v' ~ node.version ~ '.parquet' -%}
            {%- do asof.export_parquet(sql, asof.training_folder() ~ '/' ~ file) -%}
            {%- do asof.fault_point('after_training_file') -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}
