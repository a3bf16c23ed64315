{# The pointer as a dict, or none before the first publication (or without a folder). #}
{% macro pointer() %}
    {%- set folder = asof.publish_folder() -%}
    {%- if folder is none -%}{{- return(none) -}}{%- endif -%}
    {%- set text = asof.read_text(folder ~ '/current.json') -%}
    {%- if not text -%}{{- return(none) -}}{%- endif -%}
    {%- set pointer = fromjson(text) -%}
    {%- do asof.refuse_newer(pointer.format, folder ~ '/current.json is') -%}
    {{- return(pointer) -}}
{% endmacro %}

{% macro current_pointer_or_refuse() %}
    {%- set pointer = asof.pointer() -%}
    {%- if pointer is none -%}
        {{- asof.refuse('nothing was published yet' ~ (' in ' ~ asof.publish_folder()
            ~ '; a green `dbt build` publishes.'
            if asof.publish_folder() else ': the target ' ~ target.name ~ ' publishes nowhere. Name a folder for '
                ~ 'it in dbt_project.yml: `vars: {asof_publish_to: {' ~ target.name ~ ': published}}`.')) -}}
    {%- endif -%}
    {{- return(pointer) -}}
{% endmacro %}
