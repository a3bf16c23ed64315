{#
  The compiled text of a group or service changes where this package writes its part of it differently. Over an upgrade
  a changed text is therefore accepted where it gives the values of before: of a group those that were recorded, of a
  service those that its published text gives. A text that gives other values is left to a person, as any changed text.

  changed: a list of {id, kind, spec, was, now_}: kind is `group` or `service`, was its entry in the published manifest,
  now_ its new definition. Returns the ids of those that were not accepted, and says why.
#}
{% macro accept_equal_definitions(changed) %}
    {%- set differing = [] -%}
    {%- for each in changed -%}
        {%- set found = asof.compare_group(each.spec) if each.kind == 'group'
            else asof.compare_service(each.spec, each.was) -%}
        {%- if found.differs -%}
            {%- do asof.say('upgrade: the compiled text of ' ~ each.id ~ ' changed, and ' ~ found.differs) -%}
            {%- do differing.append(each.id) -%}
        {%- else -%}
            {%- do run_query(asof.equal_definition_sql(each, found.compared)) -%}
            {%- do asof.say('upgrade: the compiled text of ' ~ each.id ~ ' changed, and is accepted: it gives the '
                ~ 'same for ' ~ found.compared ~ '.') -%}
        {%- endif -%}
    {%- endfor -%}
    {{- return(differing) -}}
{% endmacro %}

{# Keeps that the new definition equals the one before, and those which that one equalled. #}
{% macro equal_definition_sql(changed, compared) %}
    insert into {{ asof.registry('equal_definitions') }}
    select
        {{ asof.literal(changed.id) }},
        earlier.definition,
        {{ asof.literal(changed.now_) }},
        {{ asof.current_version() }},
        {{ asof.literal(compared) }},
        {{ asof.sql_time(asof.wall_clock()) }}
    from (
        select {{ asof.literal(changed.was.definition) }} as definition
        union
        select definition_before
        from {{ asof.registry('equal_definitions') }}
        where id = {{ asof.literal(changed.id) }} and definition = {{ asof.literal(changed.was.definition) }}
    ) as earlier
{% endmacro %}

{# A few rows as text: the columns that are not null, by name. #}
{% macro rows_in_words(table) %}
    {%- set rows = [] -%}
    {%- for row in table.rows -%}
        {%- set said = [] -%}
        {%- for name, value in row.dict().items() if value is not none and name != 'asof_differs' -%}
            {%- do said.append(name ~ ' ' ~ value) -%}
        {%- endfor -%}
        {%- do rows.append(said | join(', ')) -%}
    {%- endfor -%}
    {{- return(rows | join('; ') ~ '.') -}}
{% endmacro %}
