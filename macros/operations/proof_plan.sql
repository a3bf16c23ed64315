{#
  For `asof prove`: prints what is to be proven, as JSON: {now, clock, handover, leaves, recorded, guarded, records}.
  handover: the folder that the last build was made from, if another engine evaluated staging, which has it then.
  leaves: what it begins at, see leaf_of. recorded: the ids of the models that record or hand on what others compute.
  guarded: {unique_id, role, name, keys, labels, known_within, yaml} of each event model (that is rebuilt), entity,
  group, examples model, rows model and service; known_within in seconds. records: {relation, time} of what the
  as-served rows are looked up in and of what was asked, and the column that says since when it was there. Reads
  nothing but the project, and of the warehouse what the last build was made from.
#}
{% macro proof_plan() %}
    {%- if not execute -%}{{- return('') -}}{%- endif -%}
    {%- set handovers = load_relation(asof.registry('handovers')) -%}
    {%- set handover = (asof.last_handover().folder or none) if handovers is not none else none -%}
    {%- set guarded, records, leaves, recorded = [], [], [], [] -%}
    {%- for node in asof.models_of('event') if not asof.is_leaf(node) -%}
        {%- do guarded.append(asof.proven(node, node.name, ['event_id'])) -%}
    {%- endfor -%}
    {%- for node in asof.models_of('entity') -%}
        {%- do guarded.append(asof.proven(node, node.name, asof.entity_keys(node))) -%}
    {%- endfor -%}
    {%- for node in asof.models_of('group') -%}
        {%- set spec = asof.group_spec_of(node) -%}
        {%- do guarded.append(asof.proven(node, spec.id, spec['keys'] | map(attribute='name') | list)) -%}
        {%- do records.append({'relation': asof.relation_path(spec.history), 'time': 'as_of'}) -%}
    {%- endfor -%}
    {%- for node in asof.models_of('examples') + asof.models_of('rows') -%}
        {%- do guarded.append(asof.proven(node, node.name, ['row_id'])) -%}
    {%- endfor -%}
    {%- for node in asof.models_of('service') -%}
        {%- do guarded.append(asof.proven(node, asof.versioned_id(node), ['row_id'])) -%}
    {%- endfor -%}
    {%- for name, time in [('publications', 'published_at'), ('counted_moments', 'as_of'), ('requests',
        'prediction_time')] -%}
        {%- do records.append({'relation': asof.relation_path(asof.registry(name)), 'time': time}) -%}
    {%- endfor -%}
    {%- for role in ['clock', 'history', 'latest', 'training'] -%}
        {%- do recorded.extend(asof.models_of(role) | map(attribute='unique_id')) -%}
    {%- endfor -%}
    {%- set proven = [] -%}
    {%- for each in guarded -%}{%- do proven.append(graph.nodes[each.unique_id]) -%}{%- endfor -%}
    {%- for unique_id in asof.lineage_of(proven, to_leaves=true) if unique_id not in recorded -%}
        {%- set node = graph.nodes.get(unique_id) or graph.sources.get(unique_id) -%}
        {%- if node and asof.is_leaf(node) -%}{%- do leaves.append(asof.leaf_of(node)) -%}{%- endif -%}
    {%- endfor -%}
    {%- do print(tojson({'now': asof.rfc3339(asof.now()), 'clock': asof.relation_path(asof.clock_relation()),
        'handover': handover, 'leaves': leaves,
        'recorded': recorded, 'guarded': guarded, 'records': records})) -%}
{% endmacro %}
