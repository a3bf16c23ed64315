{#
  Training sets as files, `<service>_v<n>.parquet`, so that they can be read while a build holds the warehouse. Each
  is written once its service (also one under construction) is green, and replaced whole.
#}
{% macro write_training_sets() %}
    {%- set built = asof.last_build() -%}
    {%- if asof.training_folder() is none or built is none or built.kind in ['backfill', 'empty', 'cutoff'] -%}
        {{- return(none) -}}
    {%- endif -%}
    {%- for node in asof.models_of('service') -%}
        {%- set spec = asof.service_spec_of(node) -%}
        {%- set training = asof.model_named(spec.base ~ '_training') -%}
        {%- if training is not none and asof.why_not_green(asof.publication_scope([], [spec]), built) is none -%}
            {%- do asof.make_private_folder(asof.training_folder()) -%}
            {%- do asof.fault_point('before_training_file') -%}
            {%- set sql -%}
                select *
                from {{ asof.relation_of(training) }}
                order by prediction_time, row_id
            {%- endset -%}
            {%- do asof.export_parquet(sql, asof.training_folder() ~ '/' ~ spec.base ~ '.parquet') -%}
            {%- do asof.fault_point('after_training_file') -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}
