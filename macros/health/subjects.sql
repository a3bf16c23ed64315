{#
  A group, to be profiled over its latest table.
  hidden: see asof.hidden_columns.
#}
{% macro group_subject(spec, hidden) %}
    {{- return({'kind': 'group', 'subject': spec.id, 'rows': spec.latest, 'details': none,
        'columns': asof.profiled_columns(spec['keys'] + spec.features, hidden)}) -}}
{% endmacro %}

{#
  A service, to be profiled over the answers to its newest authored examples. Where a group was stale its features are
  null since no build ran, which is no matter of the data: such rows count as STALE, and their columns not at all.
#}
{% macro service_subject(spec, hidden) %}
    {%- set rows = asof.relation_of(spec.rows_node) -%}
    {%- set newest -%}
        (
            select *
            from {{ rows }}
            where {{ asof.newest_rows_sql(rows, 'prediction_time', 'service', spec.id) }}
        )
    {%- endset -%}
    {%- set stale = [] -%}
    {%- for lookup in spec.groups -%}{%- do stale.append(lookup.name ~ "_status = 'STALE'") -%}{%- endfor -%}
    {%- set stale = '(' ~ stale | join(' or ') ~ ')' -%}
    {%- set answers -%}
        (
            {{ asof.answer_sql(spec, asof.relation_of(spec.node), newest) }}
        )
    {%- endset -%}
    {%- set status = "case when " ~ stale ~ " then 'STALE' else status end" -%}
    {{- return({'kind': 'service', 'subject': spec.id, 'rows': answers, 'details': asof.statuses_sql(spec, status),
        'where': 'not ' ~ stale, 'columns': asof.profiled_columns(spec.features, hidden)}) -}}
{% endmacro %}

{# The newest rows of the request log of a service. Their values are what callers sent: none are kept. #}
{% macro requests_subject(spec) %}
    {%- set requests = asof.registry('requests') -%}
    {%- set rows -%}
        (
            select status, {{ asof.json_list_text('line', 'rejected') }} as rejected_columns
            from {{ requests }}
            where
                service_id = {{ asof.literal(spec.id) }}
                and {{ asof.newest_rows_sql('(select * from ' ~ requests ~ ' where service_id = '
                    ~ asof.literal(spec.id) ~ ')', 'prediction_time', 'requests', spec.id) }}
        )
    {%- endset -%}
    {{- return({'kind': 'requests', 'subject': spec.id, 'rows': rows, 'details': asof.statuses_sql(spec),
        'columns': []}) -}}
{% endmacro %}

{# An event model, to be profiled over its newest rows. types: of its columns, by name. #}
{% macro event_subject(node, relation, types, hidden) %}
    {%- set columns, but_the_id = [], [] -%}
    {%- for name, type in types.items() -%}
        {%- do columns.append({'name': name, 'type': type, 'meta': {}}) -%}
        {%- if name != 'event_id' -%}{%- do but_the_id.append(adapter.quote(name)) -%}{%- endif -%}
    {%- endfor -%}
    {%- set rows -%}
        (
            select *, {{ asof.seconds_since_previous('known_at') }} as asof_gap
            from {{ relation }}
            where {{ asof.newest_rows_sql(relation, 'known_at', 'events', node.name) }}
        )
    {%- endset -%}
    {%- set lateness = 'cast(epoch(known_at - occurred_at) as double)' -%}
    {%- set future = 'occurred_at > least(known_at, ' ~ asof.sql_time(asof.run_as_of()) ~ ')' -%}
    {%- set details = asof.json_object({
        'newest_known_at': asof.text_of(asof.newest_sql('known_at', relation)),
        'newest_occurred_at': asof.text_of(asof.newest_sql('occurred_at', relation)),
        'lateness_seconds': asof.quantiles(lateness, asof.profile_quantiles()),
        'gap_seconds': asof.quantiles('asof_gap', asof.profile_quantiles()),
        'arrivals': asof.counts_by(asof.text_of("date_trunc('hour', known_at)")),
        'copies': 'count(*) - count(distinct (' ~ but_the_id | join(', ') ~ '))',
        'from_future': 'count(*) filter (where ' ~ future ~ ')',
    }) -%}
    {{- return({'kind': 'events', 'subject': node.name, 'rows': rows, 'details': details,
        'columns': asof.profiled_columns(columns, hidden)}) -}}
{% endmacro %}

{# The newest time of all rows that an event model knew, however long ago that is. #}
{% macro newest_sql(time, relation) -%}
    (select max({{ time }}) from {{ relation }} where known_at <= {{ asof.sql_time(asof.run_as_of()) }})
{%- endmacro %}

{#
  Whether a row is one of the newest: since the run before that profiled this, and at least the newest 300 of the last 7
  days. A condition.
#}
{% macro newest_rows_sql(relation, time, kind, subject) -%}
    {%- set now = asof.sql_time(asof.run_as_of()) -%}
    {{ time }} <= {{ now }}
    and (
        {{ time }} > {{ asof.profiled_before_sql(kind, subject, now) }}
        or (
            {{ time }} > {{ now }} - interval '7 days'
            and {{ time }} >= (
                select min({{ time }})
                from (
                    select {{ time }}
                    from {{ relation }}
                    where {{ time }} <= {{ now }}
                    order by {{ time }} desc
                    limit 300
                ) as asof_newest
            )
        )
    )
{%- endmacro %}

{# The statuses of answers and how many of the REJECTED each column rejected, as a JSON object; an aggregate. #}
{% macro statuses_sql(spec, answered='status') %}
    {%- set statuses, rejected = {}, {} -%}
    {%- for status in ['OK', 'PARTIAL', 'STALE', 'NOT_FOUND', 'REJECTED'] -%}
        {%- do statuses.update({status: 'count(*) filter (where ' ~ answered ~ " = '" ~ status ~ "')"}) -%}
    {%- endfor -%}
    {%- for feature in spec.features -%}
        {%- do rejected.update({feature.name: "count(*) filter (where position('," ~ feature.name
            ~ ",' in ',' || rejected_columns || ',') > 0 and " ~ answered ~ " = 'REJECTED')"}) -%}
    {%- endfor -%}
    {{- return(asof.json_object({'statuses': statuses, 'rejected': rejected})) -}}
{% endmacro %}

{#
  The columns whose values no profile keeps, by name: keys of entities, ids, and what any YAML declares as personal.
#}
{% macro hidden_columns() %}
    {%- set hidden = ['event_id', 'row_id'] -%}
    {%- for node in asof.models_of('entity') -%}{%- do hidden.extend(asof.entity_keys(node)) -%}{%- endfor -%}
    {%- for node in asof.models_of('group') + asof.models_of('examples') -%}
        {%- for column in asof.declared_columns(node) if asof.is_personal(column) -%}
            {%- do hidden.append(column.name) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{- return(hidden) -}}
{% endmacro %}

{# Columns as asof.profile_sql takes them. #}
{% macro profiled_columns(columns, hidden) %}
    {%- set found = [] -%}
    {%- for column in columns -%}
        {%- do found.append({'name': column.name, 'sql': adapter.quote(column.name), 'type': column.type,
            'meta': column.meta, 'hides_values': column.name in hidden}) -%}
    {%- endfor -%}
    {{- return(found) -}}
{% endmacro %}

{# The types of the columns of relations, in one query: {relation as text: {name: type}}. #}
{% macro columns_of_all(relations) %}
    {%- set names = [] -%}
    {%- for relation in relations -%}{%- do names.append(relation.identifier) -%}{%- endfor -%}
    {%- set sql %}
        select table_catalog, table_schema, table_name, column_name, data_type
        from information_schema.columns
        where table_name in ({{ asof.literals(names) }})
        order by ordinal_position
    {%- endset -%}
    {%- set found = {} -%}
    {%- for database, schema, name, column, type in run_query(sql).rows -%}
        {%- set relation = api.Relation.create(database=database, schema=schema, identifier=name) | string -%}
        {%- do found.setdefault(relation, {}).update({column: asof.parse_type(type).name or type | lower}) -%}
    {%- endfor -%}
    {{- return(found) -}}
{% endmacro %}
