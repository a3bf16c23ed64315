{#
  For `python -m serve prove`: prints what is to be proven, as JSON: {now, clock, events, recorded, guarded, records}.
  events: the event models' ids. recorded: those of the models that record or hand on what others compute.
  guarded: {unique_id, role, name, keys, labels} of each entity, group, examples model, rows model and service.
  records: {relation, time} of what the as-served rows are looked up in and of what was asked, and the column that says since when it was there.
  Reads nothing but the project.
#}
{% macro proof_plan() %}
    {%- if not execute -%}{{- return('') -}}{%- endif -%}
    {%- set guarded, records = [], [] -%}
    {%- for node in asof.models_of('entity') -%}
        {%- do guarded.append({'unique_id': node.unique_id, 'role': 'entity', 'name': node.name, 'keys': asof.entity_keys(node), 'labels': []}) -%}
    {%- endfor -%}
    {%- for node in asof.models_of('group') -%}
        {%- set spec = asof.group_spec_of(node) -%}
        {%- do guarded.append({'unique_id': node.unique_id, 'role': 'group', 'name': spec.id, 'keys': spec['keys'] | map(attribute='name') | list, 'labels': []}) -%}
        {%- do records.append({'relation': asof.relation_path(spec.history), 'time': 'as_of'}) -%}
    {%- endfor -%}
    {%- for node in asof.models_of('examples') -%}
        {%- set labels = [] -%}
        {%- for column in asof.declared_columns(node) if column.meta.get('label') -%}{%- do labels.append(column.name) -%}{%- endfor -%}
        {%- do guarded.append({'unique_id': node.unique_id, 'role': 'examples', 'name': node.name, 'keys': ['row_id'], 'labels': labels}) -%}
    {%- endfor -%}
    {%- for node in asof.models_of('rows') -%}
        {%- do guarded.append({'unique_id': node.unique_id, 'role': 'rows', 'name': node.name, 'keys': ['row_id'], 'labels': []}) -%}
    {%- endfor -%}
    {%- for node in asof.models_of('service') -%}
        {%- do guarded.append({'unique_id': node.unique_id, 'role': 'service', 'name': asof.versioned_id(node), 'keys': ['row_id'], 'labels': []}) -%}
    {%- endfor -%}
    {%- do records.append({'relation': asof.relation_path(asof.registry('publications')), 'time': 'published_at'}) -%}
    {%- do records.append({'relation': asof.relation_path(asof.registry('counted_moments')), 'time': 'as_of'}) -%}
    {%- do records.append({'relation': asof.relation_path(asof.registry('requests')), 'time': 'prediction_time'}) -%}
    {%- set recorded = [] -%}
    {%- for role in ['clock', 'history', 'latest', 'training'] -%}{%- do recorded.extend(asof.models_of(role) | map(attribute='unique_id')) -%}{%- endfor -%}
    {%- do print(tojson({'now': asof.rfc3339(asof.now()), 'clock': asof.relation_path(asof.relation_of(asof.models_of('clock')[0])),
        'events': asof.models_of('event') | map(attribute='unique_id') | list, 'recorded': recorded, 'guarded': guarded, 'records': records})) -%}
{% endmacro %}

{# For the proof: copies relations ([database, schema, name] each) to Parquet files `<n>.parquet` of a scratch folder. #}
{% macro proof_export(relations, folder) %}
    {%- if execute -%}
        {%- for path in relations -%}
            {%- do asof.export_parquet('select * from ' ~ api.Relation.create(database=path[0], schema=path[1], identifier=path[2]),
                folder ~ '/' ~ loop.index0 ~ '.parquet') -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}

{% macro relation_path(relation) %}
    {{- return([relation.database, relation.schema, relation.identifier]) -}}
{% endmacro %}
