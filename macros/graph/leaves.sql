{# What the data begins at: sources, seeds, and models that dbt keeps rather than computes anew. #}

{# Whether a node is one: it holds rows that no SQL of the project could bring back. #}
{% macro is_leaf(node) %}
    {{- return(node.resource_type != 'model' or node.language == 'python' or node.config.materialized not in
        ['view', 'table', 'ephemeral', 'materialized_view', 'entity', 'feature_group', 'service']) -}}
{% endmacro %}

{#
  {unique_id, name, relation, time, on_trust} of a leaf. time: the SQL that says since when a row is known: dbt's
  `loaded_at_field` of a source, or the column that `config: {meta: {known_at: ...}}` names; none where it cannot be
  told. on_trust: why it cannot, else none. An observed model captures its rows itself, so it always can.
#}
{% macro leaf_of(node) %}
    {%- set meta = node.config.meta or {} -%}
    {%- set time = node.get('loaded_at_field') or node.config.get('loaded_at_field') or meta.get('known_at') -%}
    {%- if node.config.materialized == 'observed' -%}{%- set time = 'known_at' -%}{%- endif -%}
    {%- set why = none -%}
    {%- if meta.get('overwritten') -%}{%- set time, why = none, 'says `overwritten: true`' -%}
    {%- elif not time -%}{%- set time, why = none, 'does not say since when its rows are known' -%}{%- endif -%}
    {{- return({
        'unique_id': node.unique_id, 'name': node.source_name ~ '.' ~ node.name if node.resource_type == 'source'
        else node.name,
        'relation': [node.database, node.schema, node.identifier if node.resource_type == 'source' else node.alias],
        'time': time, 'on_trust': why,
    }) -}}
{% endmacro %}

{#
  The leaves under models that are taken on trust, as a list of {name, why}: rows may have changed since they were
  known, and nobody could tell. An observed model is where its history begins, whatever is under it.
#}
{% macro on_trust(nodes) %}
    {%- set found = [] -%}
    {%- for unique_id in asof.lineage_of(nodes, to_leaves=true) -%}
        {%- set node = graph.nodes.get(unique_id) or graph.sources.get(unique_id) -%}
        {%- if node and asof.is_leaf(node) -%}
            {%- set leaf = asof.leaf_of(node) -%}
            {%- if leaf.on_trust -%}{%- do found.append({'name': leaf.name, 'why': leaf.on_trust}) -%}{%- endif -%}
        {%- endif -%}
    {%- endfor -%}
    {{- return(found | sort(attribute='name')) -}}
{% endmacro %}
