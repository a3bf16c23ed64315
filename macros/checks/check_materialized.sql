{#
  Refuses models that dbt would build another way than the package needs: entities, groups and services have
  materializations of their own, which dbt_project.yml declares; the latest tables have a built-in one, which dbt takes
  from a package only where the project hands it on.
#}
{% macro check_materialized() %}
    {%- for role, folder, needed in [('entity', 'entities', 'entity'), ('group', 'features', 'feature_group'),
            ('service', 'services', 'service')] -%}
        {%- for node in asof.models_of(role) if node.config.materialized != needed -%}
            {{- asof.refuse(node.original_file_path ~ ': ' ~ node.name ~ ' is materialized as ' ~ node.config.materialized
                ~ ', not as ' ~ needed ~ '. Add to dbt_project.yml, beside what stands there: `models: {' ~ project_name
                ~ ': {' ~ folder ~ ': {+materialized: ' ~ needed ~ '}}}`.') -}}
        {%- endfor -%}
    {%- endfor -%}
    {%- do asof.check_latest_materialized() -%}
{% endmacro %}

{# Whether the project hands on the package's materialized_view, where the engine has none of its own. #}
{% macro check_latest_materialized() %}
    {{- return(adapter.dispatch('check_latest_materialized', 'asof')()) -}}
{% endmacro %}

{% macro default__check_latest_materialized() %}{% endmacro %}

{% macro duckdb__check_latest_materialized() %}
    {%- if 'materialization_materialized_view_duckdb' not in context.get(project_name, {}) -%}
        {{- asof.refuse('the project has no materialization materialized_view, by which latest tables are built. `python -m '
            ~ 'serve new project` writes it; or write macros/materialized_view.sql with the lines\n'
            ~ "{% materialization materialized_view, adapter='duckdb' %}\n"
            ~ '    {{ return(asof.materialization_materialized_view_duckdb()) }}\n{% endmaterialization %}') -}}
    {%- endif -%}
{% endmacro %}
