{# The owner that a model's YAML names: `config.meta.owner`, or the name of its dbt group. #}
{% macro owner_of(node) %}
    {{- return(node.config.meta.get('owner') or node.config.get('group') or '') -}}
{% endmacro %}

{# Whether a group or service is under construction: `publish: false` in its meta. #}
{% macro is_published(node) %}
    {{- return(node.config.meta.get('publish', true)) -}}
{% endmacro %}

{# The YAML file that describes a model, where there is one, else the model's own. #}
{% macro yaml_of(node) %}
    {{- return(node.patch_path.split('://')[1] if node.patch_path else node.original_file_path) -}}
{% endmacro %}
