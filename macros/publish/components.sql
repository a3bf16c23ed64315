{#
  The components of the project: groups and services that hang together, each {ids, groups, services, models, reason,
  is_failure}. A service hangs together with the groups that it reads, and what a test is on hangs together by it.
  What says `publish: false` is in none. ids: of its groups and services, sorted; groups, services: their specs;
  models: their own models, by unique_id. reason: why it cannot be published, where the graph says so.
#}
{% macro components() %}
    {%- set groups, services, owner, links = {}, {}, {}, [] -%}
    {%- for node in asof.models_of('group') if asof.is_published(node) -%}
        {%- set spec = asof.group_spec_of(node) -%}
        {%- do groups.update({spec.id: spec}) -%}
        {%- for model in [node, spec.history_node, spec.latest_node] -%}
            {%- do owner.update({model.unique_id: spec.id}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- for node in asof.models_of('service') if asof.is_published(node) -%}
        {%- set spec = asof.service_spec_of(node) -%}
        {%- do services.update({spec.id: spec}) -%}
        {%- for model in [node, spec.rows_node, asof.training_of(node)] -%}
            {%- do owner.update({model.unique_id: spec.id}) -%}
        {%- endfor -%}
        {%- do links.append([spec.id] + (spec.groups | map(attribute='group') | select('in', groups) | list)) -%}
    {%- endfor -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'test' -%}
        {%- set touched = [] -%}
        {%- for unique_id in node.depends_on.nodes if unique_id in owner -%}
            {%- do touched.append(owner[unique_id]) -%}
        {%- endfor -%}
        {%- do links.append(touched) -%}
    {%- endfor -%}

    {%- set component_of = {} -%}
    {%- for id in groups | list + services | list -%}{%- do component_of.update({id: [id]}) -%}{%- endfor -%}
    {%- for link in links -%}
        {%- for id in link[1:] if id not in component_of[link[0]] -%}
            {%- set joined = component_of[link[0]] + component_of[id] -%}
            {%- for member in joined -%}{%- do component_of.update({member: joined}) -%}{%- endfor -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- set found, placed = [], [] -%}
    {%- for id in component_of | sort if id not in placed -%}
        {%- set ids = component_of[id] | sort -%}
        {%- do placed.extend(ids) -%}
        {%- set component = asof.component(ids, groups, services) -%}
        {%- for model, id in owner.items() if id in ids -%}{%- do component.models.append(model) -%}{%- endfor -%}
        {%- do found.append(component) -%}
    {%- endfor -%}
    {{- return(found) -}}
{% endmacro %}

{# One component, of the groups and services with these ids. #}
{% macro component(ids, groups, services) %}
    {%- set here = {'ids': ids, 'groups': [], 'services': [], 'models': [], 'reason': none, 'is_failure': false,
        'missing': []} -%}
    {%- for id in ids if id in groups -%}{%- do here.groups.append(groups[id]) -%}{%- endfor -%}
    {%- for id in ids if id in services -%}
        {%- do here.services.append(services[id]) -%}
        {%- for lookup in services[id].groups if lookup.group not in groups -%}
            {%- do here.update({'reason': id ~ ' reads ' ~ lookup.group ~ ', which says publish: false. Say so of ' ~ id
                ~ ' too, or publish the group.', 'is_failure': true}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{- return(here) -}}
{% endmacro %}

{# What dbt selects a component by, whole: `@shipment.v1 @warehouse.v1`. #}
{% macro selection_of(component) %}
    {%- set selected = [] -%}
    {%- for spec in component.groups -%}{%- do selected.append('@' ~ spec.name ~ '.v' ~ spec.version) -%}{%- endfor -%}
    {{- return(selected | join(' ')) -}}
{% endmacro %}
