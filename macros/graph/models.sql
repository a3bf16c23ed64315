{#
  The roles of models, read off their folder (`models/features/...` is a feature group) and, for the one-line models,
  their names. Everything that asks "which groups are there?" asks here.
  `graph` is empty at parse time and in unit tests: call these only when `execute`, never from a feature or service.
#}
{% macro role(node) %}
    {%- if node.resource_type != 'model' -%}{{- return(none) -}}{%- endif -%}
    {%- set folders = {'staging': 'event', 'entities': 'entity', 'clock': 'clock', 'features': 'group', 'history': 'history',
        'online': 'latest', 'services': 'service', 'training': 'training'} -%}
    {%- for folder in node.fqn[1:-1] if folder in folders -%}
        {%- if folder == 'services' and node.name.endswith('_examples') -%}{{- return('examples') -}}{%- endif -%}
        {%- if folder == 'services' and node.name.endswith('_rows') -%}{{- return('rows') -}}{%- endif -%}
        {{- return(folders[folder]) -}}
    {%- endfor -%}
    {{- return(none) -}}
{% endmacro %}

{# All enabled models of a role, sorted by name and version. #}
{% macro models_of(role) %}
    {%- set found = [] -%}
    {%- for node in graph.nodes.values() if asof.role(node) == role -%}
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

{# `shipment@1` of a feature group's or service's node. Versions start at 1: adding them later renames the relation. #}
{% macro versioned_id(node) %}
    {%- if node.version is none or node.version is not defined -%}
        {{- asof.refuse(node.original_file_path ~ ': ' ~ node.name ~ ' has no version. Feature groups and services are versioned from '
            ~ 'the start: name the file ' ~ node.name ~ '_v1.sql and add `versions: [{v: 1}]` to its YAML.') -}}
    {%- endif -%}
    {{- return(node.name ~ '@' ~ node.version) -}}
{% endmacro %}

{# The ids of all groups or services, for a message: `place@1, shipment@1`. #}
{% macro ids_of(role) %}
    {%- set ids = [] -%}
    {%- for node in asof.models_of(role) -%}{%- do ids.append(asof.versioned_id(node)) -%}{%- endfor -%}
    {{- return(ids | join(', ') or 'none') -}}
{% endmacro %}

{# What a one-line model's name says: `shipment_v1_history` is {name: shipment, version: 1, base: shipment_v1}. #}
{% macro parse_model_name(model_name, suffix) %}
    {%- set match = modules.re.match('^(.+)_v(\d+)_' ~ suffix ~ '$', model_name) -%}
    {%- if not match -%}
        {{- asof.refuse('the model ' ~ model_name ~ ' must be named <name>_v<version>_' ~ suffix ~ ', as in shipment_v1_' ~ suffix ~ '.') -}}
    {%- endif -%}
    {{- return({'name': match.group(1), 'version': match.group(2) | int, 'base': match.group(1) ~ '_v' ~ match.group(2)}) -}}
{% endmacro %}

{# A model's relation as this target names it; of an ephemeral model the name by which dbt's compiled SQL reads it. #}
{% macro relation_of(node) %}
    {%- if node.config.materialized == 'ephemeral' -%}
        {{- return(api.Relation.create(identifier='__dbt__cte__' ~ node.alias).quote(identifier=false)) -}}
    {%- endif -%}
    {{- return(api.Relation.create(database=node.database, schema=node.schema, identifier=node.alias)) -}}
{% endmacro %}

{#
  The columns of a model's YAML as a list of {name, type, description, meta}, in their order. type: the canonical name; as the
  YAML spells it, in lower case, where no column may have it (see asof.check_types).
#}
{% macro declared_columns(node) %}
    {%- set columns = [] -%}
    {%- for column in node.columns.values() -%}
        {%- set type = (column.data_type or '') | lower -%}
        {%- do columns.append({'name': column.name, 'type': asof.parse_type(type).name or type, 'description': column.description,
            'meta': (column.config.meta if column.config and column.config.meta else column.meta) or {}}) -%}
    {%- endfor -%}
    {{- return(columns) -}}
{% endmacro %}

{# The owner that a model's YAML names: `config.meta.owner`, or the name of its dbt group. #}
{% macro owner_of(node) %}
    {{- return(node.config.meta.get('owner') or node.config.get('group') or '') -}}
{% endmacro %}

{# Whether a group or service is under construction: `publish: false` in its meta. #}
{% macro is_published(node) %}
    {{- return(node.config.meta.get('publish', true)) -}}
{% endmacro %}
