{# Appends the models that are not built by our materialization: nothing would be checked or recorded of them. #}
{% macro materialized_problems(problems) %}
    {%- set ours = {'entity': 'entity', 'group': 'feature_group', 'service': 'service'} -%}
    {%- for role, expected in ours.items() -%}
        {%- for node in asof.models_of(role) if node.config.materialized != expected -%}
            {%- do problems.append(node.original_file_path ~ ': ' ~ node.name ~ ' is materialized as '
                ~ node.config.materialized ~ '. Add to dbt_project.yml, under `models: ' ~ project_name
                ~ ':`, the line `' ~ node.fqn[1] ~ ': {+materialized: ' ~ expected ~ '}`.') -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- for role in ['event', 'examples'] -%}
        {%- for node in asof.models_of(role) if node.config.materialized in ours.values() -%}
            {%- do problems.append(node.original_file_path ~ ': ' ~ node.name ~ ' is materialized as '
                ~ node.config.materialized ~ ', which it is not. Add to its YAML `config: {materialized: table}`.') -%}
        {%- endfor -%}
    {%- endfor -%}
{% endmacro %}
