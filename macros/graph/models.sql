{#
  The roles of models, read off their folder (`models/features/...` is a feature group) and, for the one-line models,
  their names. Everything that asks "which groups are there?" asks here.
  `graph` is empty at parse time and in unit tests: call these only when `execute`, never from a feature or service.
#}
{% macro role(node) %}
    {%- if node.resource_type != 'model' -%}{{- return(none) -}}{%- endif -%}
    {%- set folders = asof.role_folders() -%}
    {%- for folder in node.fqn[1:-1] if folder in folders -%}
        {%- if folder == 'services' and node.name.endswith('_examples') -%}{{- return('examples') -}}{%- endif -%}
        {%- if folder == 'services' and node.name.endswith('_rows') -%}{{- return('rows') -}}{%- endif -%}
        {{- return(folders[folder]) -}}
    {%- endfor -%}
    {{- return(none) -}}
{% endmacro %}

{# The role that the models of each folder have. #}
{% macro role_folders() %}
    {{- return({'staging': 'event', 'entities': 'entity', 'clock': 'clock', 'features': 'group', 'history': 'history',
        'online': 'latest', 'services': 'service', 'training': 'training'}) -}}
{% endmacro %}

{# All enabled models of a role, sorted by name and version. #}
{% macro models_of(role) %}
    {%- set wanted = 'service' if role in ['examples', 'rows'] else role -%}
    {%- set found, within = [], [] -%}
    {%- for folder, role_there in asof.role_folders().items() if role_there == wanted -%}
        {%- do within.append(folder) -%}
    {%- endfor -%}
    {#- asked a hundred times in a build: most nodes are left out before a macro is called for them -#}
    {%- for node in graph.nodes.values() if within[0] in node.fqn and asof.role(node) == role -%}
        {%- do found.append(node) -%}
    {%- endfor -%}
    {{- return(found | sort(attribute='unique_id')) -}}
{% endmacro %}

{# The model of a name (unversioned), or none. #}
{% macro model_named(name) %}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.name == name -%}
        {{- return(node) -}}
    {%- endfor -%}
    {{- return(none) -}}
{% endmacro %}
