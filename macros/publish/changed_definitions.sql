{#
  A published group or service keeps its meaning under its version. Holds the publication where its compiled text
  changed, unless a person accepted that very text (accept_definition), or it changed over an upgrade and gives the
  same values: a list of messages, empty where nothing is held. A group that another engine evaluates is held too; the
  message says how its values compare with what was recorded.
#}
{% macro changed_definitions(component, current) %}
    {%- if current is none -%}{{- return([]) -}}{%- endif -%}
    {%- set messages = [] -%}
    {%- set built = [] -%}
    {%- for entry in component.entries -%}
        {%- do built.append({'id': entry.spec.id, 'kind': 'group', 'spec': entry.spec, 'now_': entry.definition,
            'was': current.groups.get(entry.spec.id)}) -%}
    {%- endfor -%}
    {%- for spec in component.services -%}
        {%- do built.append({'id': spec.id, 'kind': 'service', 'spec': spec,
            'now_': component.manifests[spec.id].definition, 'was': current.services.get(spec.id)}) -%}
    {%- endfor -%}
    {%- set accepted_sql %}
        select id, definition from {{ asof.registry('accepted') }}
        union
        select id, definition from {{ asof.registry('equal_definitions') }}
    {%- endset -%}
    {%- set accepted = [] -%}
    {%- for id, definition in run_query(accepted_sql).rows -%}{%- do accepted.append([id, definition]) -%}{%- endfor -%}
    {%- set changed = [] -%}
    {%- for each in built if each.was and each.now_ != each.was.definition and [each.id, each.now_] not in accepted -%}
        {%- do changed.append(each) -%}
    {%- endfor -%}
    {%- set over_upgrade, edited = [], [] -%}
    {%- for each in changed -%}
        {%- set is_older = (each.was.format or current.format) < asof.current_version() -%}
        {%- do (over_upgrade if is_older else edited).append(each) -%}
    {%- endfor -%}
    {%- set differing = asof.accept_equal_definitions(over_upgrade) + (edited | map(attribute='id') | list) -%}
    {%- for each in changed if each.id in differing -%}
        {%- set next_ = each.spec.version + 1 -%}
        {%- set engine_before = asof.engine_before(each) -%}
        {%- if engine_before -%}
            {%- set found = asof.compare_group(each.spec) -%}
            {%- do messages.append('publication held: ' ~ each.id ~ ' was published as ' ~ engine_before
                ~ ' evaluates it, and is now evaluated by ' ~ asof.engine_of_run() ~ '. Compared with what was '
                ~ 'recorded: ' ~ ('the same for ' ~ found.compared ~ '.' if found.compared else found.differs)
                ~ ' If that is right, accept it: dbt run-operation accept_definition --args \'{id: ' ~ each.id
                ~ ', reason: "..."}\' and build again.') -%}
        {%- else -%}
        {%- do messages.append('publication held: the compiled text of ' ~ each.id
            ~ ' changed since it was published under this version (' ~ each.was.definition[:19] ~ '... to '
            ~ each.now_[:19] ~ '...)' ~ (', and was not found to give the same values, as said above.'
            if each in over_upgrade else '.')
            ~ ' A changed meaning is a new version: put the published text back and write version ' ~ next_
            ~ ' (asof new ' ~ ('feature ' if each.kind == 'group' else 'service ') ~ each.spec.name ~ ' --version '
            ~ next_ ~ '). If the meaning is the same, accept it: dbt run-operation accept_definition --args \'{id: '
            ~ each.id ~ ', reason: "..."}\' and build again.') -%}
        {%- endif -%}
    {%- endfor -%}
    {{- return(messages) -}}
{% endmacro %}

{# The engine that evaluated a changed group when it was published, where the text is the same; else none. #}
{% macro engine_before(changed) %}
    {%- if changed.kind == 'service' -%}{{- return(none) -}}{%- endif -%}
    {%- set text = asof.text_in_force(changed.id) -%}
    {%- for engine in [none, 'postgres', 'spark'] if asof.definition_hash(text, engine) == changed.was.definition -%}
        {{- return(engine or 'duckdb') -}}
    {%- endfor -%}
    {{- return(none) -}}
{% endmacro %}

{# What evaluates the groups of this run. #}
{% macro engine_of_run() %}
    {%- set handover = asof.handover() -%}
    {{- return(handover.engine if handover is not none else target.type) -}}
{% endmacro %}
