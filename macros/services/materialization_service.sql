{# A service: a view with the contract, likewise. #}
{% materialization service, default %}
    {%- do asof.check_parents_are_built(model) -%}
    {%- do asof.check_parsed_sql(model, compiled_code, 'service') -%}
    {%- do asof.check_row_id(model, compiled_code) -%}
    {%- do asof.check_built_types(model.original_file_path ~ ': ' ~ asof.versioned_id(model),
        asof.declared_columns(model),
        asof.columns_of('(' ~ compiled_code ~ '\n)')) -%}
    {%- do asof.record_definition(model, compiled_code) -%}
    {{ return(dbt.materialization_view_default()) }}
{% endmaterialization %}
