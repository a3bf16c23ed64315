{#
  Where this target publishes, or none: `vars: {asof_publish_to: {<target name>: <folder>}}`. A target that is not listed never
  publishes. ASOF_PUBLISHED names another folder for a target that is listed.
#}
{% macro publish_folder() %}
    {%- set folders = var('asof_publish_to', {}) -%}
    {%- if target.name not in folders -%}{{- return(none) -}}{%- endif -%}
    {{- return(env_var('ASOF_PUBLISHED', '') or folders[target.name]) -}}
{% endmacro %}

{# Where training sets are written as files, beside the folder that is published: they hold labels, so never in it. #}
{% macro training_folder() %}
    {%- set folders = var('asof_training_to', {}) -%}
    {%- if target.name not in folders -%}{{- return(none) -}}{%- endif -%}
    {{- return(env_var('ASOF_TRAINING', '') or folders[target.name]) -}}
{% endmacro %}

{# Says that this target publishes nowhere, and which ones do. #}
{% macro say_publishes_nowhere() %}
    {%- set targets = (var('asof_publish_to', none) or {}).keys() | join(', ') -%}
    {%- do asof.say('nothing published: the target ' ~ target.name ~ ' publishes nowhere. The var asof_publish_to '
        ~ ('lists ' ~ targets if targets else 'is not set') ~ '. Where this target should publish, add to dbt_project.yml: `vars: '
        ~ '{asof_publish_to: {' ~ target.name ~ ': published}}`.') -%}
{% endmacro %}
