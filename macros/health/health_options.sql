{#
  What the YAML of groups, services and event models says under `health`, as the rules take it: [{subject, column_name,
  rule, level, threshold}], a threshold of none where a level is switched off. `health: false` switches off all,
  `health: {null_rate: false}` a rule, and `health: {null_rate: {hold: 0.2}}` sets the limit of a level.
#}
{% macro health_options() %}
    {%- set options = [] -%}
    {%- for role in ['group', 'service', 'event'] -%}
        {%- for node in asof.models_of(role) -%}
            {%- set subject = asof.versioned_id(node) if role != 'event' else node.name -%}
            {%- do asof.add_health_options(options, role, subject, '', (node.config.meta or {}).get('health')) -%}
            {%- for column in asof.declared_columns(node) -%}
                {%- do asof.add_health_options(options, role, subject, column.name, column.meta.get('health')) -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endfor -%}
    {{- return(options) -}}
{% endmacro %}

{# Appends what one `health` says, to be read by asof.health_options. said: none where it says nothing. #}
{% macro add_health_options(options, role, subject, column_name, said) %}
    {%- if said is none -%}{{- return(none) -}}{%- endif -%}
    {%- for rule in asof.health_rules_of(role) -%}
        {%- set of_rule = said if said is boolean else said.get(rule.key) -%}
        {%- for level in ['hold', 'warn'] if of_rule is not none and rule.get(level) is not none -%}
            {%- set limit = of_rule if of_rule is boolean else of_rule.get(level) -%}
            {%- if limit is not none -%}
                {%- do options.append({'subject': subject, 'column_name': column_name, 'rule': rule.key,
                    'level': level, 'threshold': none if limit is boolean else limit}) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
{% endmacro %}
