{# Refuses what a YAML declares as a time without a zone. #}
{% macro check_declared_times() %}
    {%- set problems = [] -%}
    {%- for role in ['event', 'entity', 'group', 'examples'] -%}
        {%- for node in asof.models_of(role) -%}
            {%- for column in asof.declared_columns(node) if column.type and column.name in asof.times_of(role) -%}
                {%- do problems.append(asof.problem_of_time(asof.yaml_of(node), column.name, node.name,
                    column.type)) -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- do asof.refuse_all(problems) -%}
{% endmacro %}

{#
  Times have a zone. A time without one would be taken as UTC, whatever it is. Each time column that we read is refused
  unless it is a timestamptz: by what a YAML declares before anything runs, and by what a model returns before
  anything is recorded of it.
#}

{# The columns of a role's models that are times. #}
{% macro times_of(role) %}
    {{- return({'event': ['occurred_at', 'known_at'], 'entity': ['first_seen_at', 'gone_at'], 'group': ['as_of'],
        'examples': ['prediction_time', 'label_known_at']}[role]) -}}
{% endmacro %}

{#
  Why a column is no time with a zone, with the line to write; none where it is one. type: as declared, or as the
  engine calls it.
#}
{% macro problem_of_time(where, name, model_name, type) %}
    {%- set type = type | lower | replace('"', '') -%}
    {%- if type in ['timestamptz', 'timestamp with time zone', 'null', asof.type_timestamptz()] -%}
        {{- return(none) -}}
    {%- endif -%}
    {%- if type.startswith('timestamp') -%}
        {%- set remedy = 'Say in which zone the source keeps it: `' ~ asof.time_of_zone('<expression>', 'UTC')
            ~ ' as ' ~ name ~ "` (or another, such as 'Europe/Berlin')" -%}
    {%- elif type == 'date' -%}
        {%- set remedy = 'Say when that day begins: `'
            ~ asof.time_of_zone('cast(<expression> as timestamp)', 'UTC') ~ ' as ' ~ name
            ~ "` (or another, such as 'Europe/Berlin')" -%}
    {%- else -%}
        {%- set remedy = 'Write `cast(<expression> as ' ~ asof.type_timestamptz() ~ ') as ' ~ name
            ~ "`, or, where its text has no "
            ~ 'offset, `' ~ asof.time_of_zone('cast(<expression> as timestamp)', 'UTC') ~ ' as ' ~ name ~ '`' -%}
    {%- endif -%}
    {{- return(where ~ ': ' ~ name ~ ' of ' ~ model_name ~ ' is ' ~ type ~ ', which has no time zone, and a time '
        ~ 'is a timestamptz. ' ~ remedy ~ ', and data_type: timestamptz where the YAML has one.') -}}
{% endmacro %}
