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

{# Refuses what a YAML declares as a time without a zone. #}
{% macro check_declared_times() %}
    {%- set problems = [] -%}
    {%- for role in ['event', 'entity', 'group', 'examples'] -%}
        {%- for node in asof.models_of(role) -%}
            {%- for column in asof.declared_columns(node) if column.type and column.name in asof.times_of(role) -%}
                {%- do problems.append(asof.problem_of_time(asof.yaml_of(node), column.name, node.name, column.type)) -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- do asof.refuse_all(problems) -%}
{% endmacro %}

{#
  Refuses an event model whose times have no zone, or that has a column of a name that is ours. events: its relation, as
  the joins have it. (In a unit test there is no such relation, nor of an ephemeral model, whose relation has no schema.)
#}
{% macro check_event_columns(events) %}
    {%- set relation = load_relation(events) if execute and events is not string and events.schema else none -%}
    {%- if relation is none -%}{{- return('') -}}{%- endif -%}
    {%- set where, problems = asof.file_of(relation), [] -%}
    {%- for column in adapter.get_columns_in_relation(relation) -%}
        {%- set name = column.name | lower -%}
        {%- if name in asof.times_of('event') -%}
            {%- do problems.append(asof.problem_of_time(where, name, relation.identifier, column.dtype)) -%}
        {%- elif name.startswith('asof_') -%}
            {%- do problems.append(asof.problem_of_name(where, 'the event model ' ~ relation.identifier ~ ', the column', name, {}, [])) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do asof.refuse_all(problems) -%}
{% endmacro %}

{# Refuses examples whose times have no zone, before anything is looked up for them. examples: their relation. #}
{% macro check_example_times(examples) %}
    {%- set relation = load_relation(examples) if execute else none -%}
    {%- if relation is none -%}{{- return('') -}}{%- endif -%}
    {%- set problems = [] -%}
    {%- for column in adapter.get_columns_in_relation(relation) if column.name | lower in asof.times_of('examples') -%}
        {%- do problems.append(asof.problem_of_time(asof.file_of(relation), column.name | lower, relation.identifier, column.dtype)) -%}
    {%- endfor -%}
    {%- do asof.refuse_all(problems) -%}
{% endmacro %}

{# Why a column is no time with a zone, with the line to write; none where it is one. type: as declared, or as the engine calls it. #}
{% macro problem_of_time(where, name, model_name, type) %}
    {%- set type = type | lower | replace('"', '') -%}
    {%- if type in ['timestamptz', 'timestamp with time zone', 'null'] -%}{{- return(none) -}}{%- endif -%}
    {%- if type.startswith('timestamp') -%}
        {%- set remedy = 'Say in which zone the source keeps it: `<expression> at time zone \'UTC\' as ' ~ name ~ "` (or another, such as "
            ~ "'Europe/Berlin')" -%}
    {%- elif type == 'date' -%}
        {%- set remedy = 'Say when that day begins: `cast(<expression> as timestamp) at time zone \'UTC\' as ' ~ name ~ "` (or another, such as "
            ~ "'Europe/Berlin')" -%}
    {%- else -%}
        {%- set remedy = 'Write `cast(<expression> as timestamptz) as ' ~ name
            ~ "`, or, where its text has no offset, `cast(<expression> as timestamp) at time zone 'UTC' as " ~ name ~ '`' -%}
    {%- endif -%}
    {{- return(where ~ ': ' ~ name ~ ' of ' ~ model_name ~ ' is ' ~ type ~ ', which has no time zone, and a time is a timestamptz. ' ~ remedy
        ~ ', and data_type: timestamptz where the YAML has one.') -}}
{% endmacro %}

{# The file of the model that a relation is of, or where there is none its name. #}
{% macro file_of(relation) %}
    {%- for node in graph.nodes.values() if node.resource_type in ['model', 'seed'] and node.relation_name == relation | string -%}
        {{- return(node.original_file_path) -}}
    {%- endfor -%}
    {{- return(relation | string) -}}
{% endmacro %}
