{#
  The one check of all names that a project declares: models, columns, keys, labels and request columns. What the
  machinery uses inside begins with `asof_`, so no declared name may. What it adds beside declared columns and shows
  (`status`, `run_id`, ...) is reserved where it stands: reserved_names lists all of it, and every message lists what
  applies. Reads the graph only; columns that no YAML declares are checked as a model is built (check_event_columns,
  observed_spec).
#}
{% macro check_names() %}
    {%- set words, problems = asof.reserved_words(), [] -%}
    {%- for role in ['event', 'entity', 'group', 'examples', 'service'] -%}
        {%- for node in asof.models_of(role) -%}
            {%- set where = asof.yaml_of(node) -%}
            {%- do problems.append(asof.problem_of_name(where, 'the model', node.name, {}, words)) -%}
            {%- set reserved, what = asof.reserved_in(node, role) -%}
            {%- for column in asof.declared_columns(node) -%}
                {%- do problems.append(asof.problem_of_name(where, what ~ node.name ~ ', the column', column.name,
                    asof.reserved_names('label') if column.meta.get('label') else reserved, words)) -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- do asof.refuse_all(problems) -%}
{% endmacro %}

{#
  What is wrong with a name, in words, or none: it needs quotes, begins with asof_, or is reserved. where: the file.
  what: what bears the name, as in `the entity customers, the column`. reserved: {name: who uses it}. words:
  reserved_words().
#}
{% macro problem_of_name(where, what, name, reserved, words) %}
    {%- set lowered = name | lower -%}
    {%- if lowered in reserved -%}{%- set why = reserved[lowered] -%}
    {%- elif lowered.startswith('asof_') -%}
        {%- set why = 'names that begin with asof_ are those that asof uses inside' -%}
    {%- elif lowered in words -%}{%- set why = 'it is a reserved word of SQL, which would need quotes' -%}
    {%- elif not modules.re.match('^[a-z_][a-z0-9_]*$', name) -%}
        {%- set why = 'it would need quotes in SQL: a name is lower-case letters, digits and _, and does not begin '
            ~ 'with a digit' -%}
    {%- else -%}{{- return(none) -}}
    {%- endif -%}
    {{- return(where ~ ': ' ~ what ~ ' cannot be called ' ~ name ~ ', since ' ~ why
        ~ '. Call it something else. Reserved here: ' ~ (reserved.keys() | sort | list + ['all that begins with '
        ~ 'asof_', 'the reserved words of SQL']) | join(', ') ~ '.') -}}
{% endmacro %}
