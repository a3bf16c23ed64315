{#
  For the proof: copies relations ([database, schema, name] each) to Parquet files `<n>.parquet` of a scratch folder.
  One that is not there has no file.
#}
{% macro proof_export(relations, folder) %}
    {%- if execute -%}
        {%- for database, schema, name in relations -%}
            {%- set relation = adapter.get_relation(database=database, schema=schema, identifier=name) -%}
            {%- if relation is not none -%}
                {%- do asof.export_parquet('select * from ' ~ relation, folder ~ '/' ~ loop.index0 ~ '.parquet') -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}
