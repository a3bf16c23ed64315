{#
  The schema of what a project configures: every key of ours in `config.meta` of models, sources and columns, and every var. Each is
  {key, of, type, means}: `of` lists where it may stand (the roles of models, or `source`), `type` is one of problem_of_value.
  check_configuration holds a project against it, and docs/configuration.md is the same as tables.
#}
{% macro configuration() %}
    {%- set meta = [
        {'key': 'owner', 'of': ['group', 'service'], 'type': 'text', 'means': 'who answers for it; required, unless it has a dbt group'},
        {'key': 'max_age', 'of': ['group'], 'type': 'length', 'means': 'how old its moment may grow before its features are null and its '
            ~ 'status is STALE; required'},
        {'key': 'publish', 'of': ['group', 'service'], 'type': 'boolean', 'means': 'false: under construction, never published'},
        {'key': 'lookups', 'of': ['service'], 'type': 'lookups', 'means': 'by lookup, where its keys come from: a stored column '
            ~ '(group.column), or what the caller sends'},
        {'key': 'safety_lag', 'of': ['event'], 'type': 'length', 'means': 'the assumed delay of a source without a load time'},
        {'key': 'retention', 'of': ['event'], 'type': 'length', 'means': 'how long its source keeps rows; replay reaches no further back'},
        {'key': 'known_within', 'of': ['examples'], 'type': 'length', 'means': 'how long after its prediction_time an example may become known '
            ~ '(none: no time at all)'},
        {'key': 'known_at', 'of': ['source', 'seed', 'snapshot', 'event', 'other'], 'type': 'text', 'means': 'the column that says since when a row is known, for the proof, '
            ~ 'where it has no loaded_at_field'},
        {'key': 'overwritten', 'of': ['source', 'seed', 'snapshot', 'event', 'other'], 'type': 'boolean', 'means': 'true: its rows are overwritten, '
            ~ 'so the proof takes it on trust'},
    ] -%}
    {%- set columns = [
        {'key': 'range', 'of': ['group', 'service', 'examples'], 'type': 'range', 'means': 'the lowest and the highest value'},
        {'key': 'categories', 'of': ['group', 'service', 'examples'], 'type': 'list', 'means': 'the known values, beside other'},
        {'key': 'max_null_rate', 'of': ['group', 'service', 'examples'], 'type': 'fraction', 'means': 'the part of the rows that may be null'},
        {'key': 'missing', 'of': ['service'], 'type': 'missing', 'means': 'reject: where it is null, the row is REJECTED'},
        {'key': 'out_of_range', 'of': ['service'], 'type': 'out_of_range', 'means': 'null: outside its range it is null; else the row is REJECTED'},
        {'key': 'label', 'of': ['examples'], 'type': 'boolean', 'means': 'true: a label'},
        {'key': 'optional', 'of': ['examples'], 'type': 'boolean', 'means': 'true: a request column that callers may leave out'},
        {'key': 'personal', 'of': ['group', 'examples'], 'type': 'boolean', 'means': 'true: a key or request column of which the request log holds a '
            ~ 'hash only'},
    ] -%}
    {%- set vars = [
        {'key': 'asof_publish_lag', 'type': 'length', 'means': 'how long after its moment a build is usually published; required'},
        {'key': 'asof_publish_to', 'type': 'folders', 'means': 'where each target publishes; a target that is not in it never does'},
        {'key': 'asof_training_to', 'type': 'folders', 'means': 'where each target writes training sets as Parquet'},
        {'key': 'asof_pickup', 'type': 'length', 'means': 'how long the shim may take to pick up a publication, for parity (5 seconds)'},
        {'key': 'asof_parity_floor', 'type': 'fraction', 'means': 'the part of the logged answers that must be comparable (0.95)'},
        {'key': 'asof_replay', 'type': 'boolean', 'means': 'false leaves replay out of a run'},
        {'key': 'asof_training_cutoff', 'type': 'time', 'means': 'training sets as if it had been that moment; nothing is published then'},
        {'key': 'as_of', 'type': 'time', 'means': 'the moment of this run, if it is not now; never beyond now'},
        {'key': 'backfill', 'type': 'backfill', 'means': 'the moments of a backfill'},
    ] -%}
    {{- return({'meta': meta, 'columns': columns, 'vars': vars}) -}}
{% endmacro %}

{# Where a key of configuration() may stand, in words. roles: its `of`. #}
{% macro roles_in_words(roles) %}
    {%- set words = {'group': 'feature groups', 'service': 'services', 'event': 'event models', 'examples': 'examples', 'source': 'sources',
        'seed': 'seeds', 'snapshot': 'snapshots', 'other': 'models of other folders'} -%}
    {%- set said = [] -%}
    {%- for role in roles -%}{%- do said.append(words[role]) -%}{%- endfor -%}
    {{- return(said | join(', ')) -}}
{% endmacro %}

{# `dbt run-operation configuration_tables`: prints the schema as the tables of docs/configuration.md. #}
{% macro configuration_tables() %}
    {%- set known = asof.configuration() -%}
    {%- set tables %}
| key | in the meta of | value | meaning |
|---|---|---|---|
{%- for each in known.meta %}
| `{{ each.key }}` | {{ asof.roles_in_words(each.of) }} | {{ asof.expected_value(each.type) }} | {{ each.means }} |
{%- endfor %}

| key | in the meta of columns of | value | meaning |
|---|---|---|---|
{%- for each in known.columns %}
| `{{ each.key }}` | {{ asof.roles_in_words(each.of) }} | {{ asof.expected_value(each.type) }} | {{ each.means }} |
{%- endfor %}

| var | value | meaning |
|---|---|---|
{%- for each in known.vars %}
| `{{ each.key }}` | {{ asof.expected_value(each.type) }} | {{ each.means }} |
{%- endfor %}
    {%- endset -%}
    {%- do print(tables) -%}
{% endmacro %}

{# A type of configuration() in words, with an example. #}
{% macro expected_value(type) %}
    {{- return({
        'text': 'text',
        'length': "a fixed length such as '15 minutes' or '2 hours'",
        'boolean': 'true or false',
        'fraction': 'a number from 0 to 1',
        'range': 'two numbers, [lowest, highest], null for an open end',
        'list': 'a list of values',
        'missing': 'reject or allow',
        'out_of_range': 'null or reject',
        'lookups': 'a mapping, as in {origin: shipment.origin_warehouse_id}',
        'folders': 'a mapping of targets to paths, as in {dev: published}',
        'time': 'a time with its offset, as in 2026-05-01T08:58:00Z, or a date, which means midnight UTC',
        'backfill': '{from: 2026-01-01, to: 2026-04-30, every: 1 day}',
    }[type]) -}}
{% endmacro %}

{# Whether a value is of a type of configuration(). Times and backfills are read, and refused, where they are used (clock.sql). #}
{% macro is_value(type, value) %}
    {%- set is_number = value is number and value is not boolean -%}
    {%- if type == 'text' -%}{{- return(value is string and value | trim | length > 0) -}}
    {%- elif type == 'length' -%}{{- return(asof.seconds_in(value) is not none) -}}
    {%- elif type == 'boolean' -%}{{- return(value is boolean) -}}
    {%- elif type == 'fraction' -%}{{- return(is_number and 0 <= value <= 1) -}}
    {%- elif type == 'list' -%}{{- return(asof.is_list(value) and value | length > 0 and none not in value) -}}
    {%- elif type == 'missing' -%}{{- return(value in ['reject', 'allow']) -}}
    {%- elif type == 'out_of_range' -%}{{- return(value is none or value in ['null', 'reject']) -}}
    {%- elif type in ['lookups', 'folders'] -%}
        {%- if value is not mapping -%}{{- return(false) -}}{%- endif -%}
        {%- for each in value.values() if not (each is string and each | trim) and not (type == 'lookups' and each is mapping) -%}
            {{- return(false) -}}
        {%- endfor -%}
        {{- return(true) -}}
    {%- elif type == 'range' -%}
        {%- if not asof.is_list(value) or value | length != 2 or value == [none, none] -%}{{- return(false) -}}{%- endif -%}
        {%- for end in value if end is not none and (end is boolean or end is not number) -%}{{- return(false) -}}{%- endfor -%}
        {{- return(none in value or value[0] <= value[1]) -}}
    {%- endif -%}
    {{- return(true) -}}
{% endmacro %}

{% macro is_list(value) %}
    {{- return(value is iterable and value is not string and value is not mapping) -}}
{% endmacro %}
