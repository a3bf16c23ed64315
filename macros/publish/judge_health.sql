{#
  Judges what the last build left, and keeps what is found: a component with a finding that holds gets a `reason`, a
  warning is one of dbt's. A finding on an event model concerns the components that read it. is_publishing: whether
  there is something to hold; else all is warned, as it is of a component that was never published where a feed stopped.
  Returns the messages by which the command must fail.
#}
{% macro judge_health(components, is_publishing=true) %}
    {%- set built = asof.last_build() -%}
    {%- if built is none or built.kind != 'normal' -%}{{- return([]) -}}{%- endif -%}
    {%- set found = asof.judge_profiles(built.run_id) -%}
    {%- set failures = [] -%}
    {%- for finding in found.findings -%}
        {%- set concerned = asof.components_of(finding, components) -%}
        {%- do finding.update({'components': concerned | map(attribute='ids') | sum(start=[])}) -%}
        {%- if finding.level == 'hold' -%}
            {%- set held = [] -%}
            {%- for component in concerned if is_publishing and (finding.rule not in ['freshness', 'stopped', 'gap']
                    or asof.was_published(component)) -%}
                {%- do held.append(component) -%}
            {%- endfor -%}
            {%- if not held -%}{%- do finding.update({'level': 'warn'}) -%}{%- endif -%}
            {%- do finding.update({'holds': held}) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do asof.keep_findings(found, built.run_id) -%}
    {%- for finding in found.findings -%}
        {%- if finding.level == 'hold' -%}
            {%- do failures.append('held by its health: ' ~ finding.message) -%}
            {%- for component in finding.holds -%}
                {%- do component.update({'is_failure': true, 'reason': finding.message if component.reason is none
                    else component.reason}) -%}
            {%- endfor -%}
        {%- else -%}
            {%- do exceptions.warn('asof: ' ~ finding.message) -%}
        {%- endif -%}
    {%- endfor -%}
    {{- return(failures) -}}
{% endmacro %}

{# The components that a finding concerns: that of a group or service, and of an event model those that read it. #}
{% macro components_of(finding, components) %}
    {%- set concerned = [] -%}
    {%- for component in components -%}
        {%- set tops = [] -%}
        {%- if finding.kind == 'events' -%}
            {%- do tops.extend(component.groups | map(attribute='node')) -%}
            {%- do tops.extend(component.services | map(attribute='examples_node')) -%}
        {%- endif -%}
        {%- set read = asof.lineage_of(tops) -%}
        {%- set models = [] -%}
        {%- for unique_id in read if unique_id in graph.nodes and graph.nodes[unique_id].name == finding.subject -%}
            {%- do models.append(unique_id) -%}
        {%- endfor -%}
        {%- if models or (finding.kind != 'events' and finding.subject in component.ids) -%}
            {%- do concerned.append(component) -%}
        {%- endif -%}
    {%- endfor -%}
    {{- return(concerned) -}}
{% endmacro %}

{# Whether any group of a component was ever published. #}
{% macro was_published(component) %}
    {%- set sql %}
        select count(*)
        from {{ asof.registry('publications') }}
        where group_id in ({{ asof.literals(component.groups | map(attribute='id') | list) }})
    {%- endset -%}
    {{- return(run_query(sql).rows[0][0] > 0) -}}
{% endmacro %}
