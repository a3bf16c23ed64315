{#
  Refuses event models, entities and examples that are made of the record: history, latest, rows, services, training, or
  asof's own tables. These hold rows of runs that failed or never counted, and change when a run is repeated. A feature
  group reads events and entities only, so what they may not descend from, it doesn't either. (Examples read the
  request log, by asof.logged.)
#}
{% macro check_record_readers() %}
    {%- for role in ['event', 'entity', 'examples'] -%}
        {%- for node in asof.models_of(role) -%}
            {%- set lineage = asof.lineage_of([node]) -%}
            {%- for ancestor in lineage -%}
                {%- set other = graph.nodes.get(ancestor) or graph.sources.get(ancestor) -%}
                {%- if other and (asof.role(other) in asof.roles_out_of_reach(role) or (other.resource_type == 'source'
                        and asof.is_record([other.database, other.schema, other.identifier] | join('.')))) -%}
                    {{- asof.refuse(asof.made_of_the_record(node, other.name ~ asof.through(lineage, node,
                        ancestor))) -}}
                {%- endif -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endfor -%}
{% endmacro %}

{#
  The roles of models that one of this role is never made of. A group or the clock would also make its rows those
  of a run.
#}
{% macro roles_out_of_reach(role) %}
    {{- return(['group', 'history', 'latest', 'rows', 'service', 'training'] + ([] if role == 'examples'
        else ['clock'])) -}}
{% endmacro %}

{# Whether a relation, as SQL writes it (`name`, `schema.name`, `database.schema.name`), is one of the record. #}
{% macro is_record(path) %}
    {%- set path = '.' ~ path | lower -%}
    {%- if path.split('.')[-1].startswith('asof_') -%}{{- return(true) -}}{%- endif -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' and ('.' ~ [node.database, node.schema,
        node.alias] | join('.') | lower).endswith(path) and asof.role(node) in asof.roles_out_of_reach('examples') -%}
        {{- return(true) -}}
    {%- endfor -%}
    {{- return(false) -}}
{% endmacro %}

{% macro made_of_the_record(node, what) %}
    {{- return(node.original_file_path ~ ': ' ~ node.name ~ ' is made of ' ~ what ~ ', which asof builds. It holds '
        ~ 'rows of runs that failed or were never published, so what is made of it cannot be built again. Read '
        ~ 'what that one is made of: the sources, through models/staging.') -}}
{% endmacro %}
