{#
  Refuses a call from the SQL of a model of one of these roles, also through a macro: what it gives changes with the
  run. (Materializations call the same macros; they have the compiled SQL, which the SQL itself has not yet.)
#}
{% macro refuse_in_sql_of(roles, call) %}
    {%- set node = context.get('model') -%}
    {%- if not execute or not node or context.get('compiled_code') or asof.role(node) not in roles -%}
        {{- return(none) -}}
    {%- endif -%}
    {%- set remedies = {
        'event': 'known_at is the time that the source carries: write its load time, or asof.known_after(...).',
        'entity': 'Its times are those of knowing (known_at) that its event models carry.',
        'group': 'Time enters through the clock (point.as_of) only.',
        'service': 'Time enters through prediction_time only.',
        'examples': 'End the examples by asof.cutoff().',
    } -%}
    {{- asof.refuse(node.original_file_path ~ ': ' ~ node.name ~ ' calls ' ~ call ~ ', whose value is another in '
        ~ 'each run. ' ~ remedies[asof.role(node)]) -}}
{% endmacro %}
