{# The newest 20 events of an entity that were known at a moment, each with what the group gives without it. #}
{% macro explain_events(spec, event, as_of, same, compiled_sql, entity, again, features) %}
    {%- set relation = asof.event_relation(spec.node, event) -%}
    {%- set at = asof.sql_time(asof.parse_time(as_of, 'as_of')) -%}
    {%- set columns = adapter.get_columns_in_relation(relation) | map(attribute='name') | list -%}
    {%- set selected = [] -%}
    {%- for name in columns -%}{%- do selected.append(asof.text_of(name)) -%}{%- endfor -%}
    {%- set known -%}
        from {{ relation }} as asof_found
        where {{ same | join(' and ') }} and occurred_at <= {{ at }} and known_at <= {{ at }}
    {%- endset -%}
    {%- set shown = [] -%}
    {%- set sql -%}
        select {{ selected | join(', ') }}
        {{ known }}
        order by asof_found.occurred_at desc, asof_found.known_at desc, asof_found.event_id desc
        limit 20
    {%- endset -%}
    {%- for row in run_query(sql).rows -%}
        {%- set one = {} -%}
        {%- for name in columns -%}{%- do one.update({name: row[loop.index0]}) -%}{%- endfor -%}
        {%- set said = {'event': one} -%}
        {%- if again is not none -%}
            {%- set others -%}
                select *
                from {{ relation }} as asof_found
                where not (cast(event_id as varchar) = {{ asof.literal(one.event_id) }}
                    and known_at = {{ asof.sql_time(asof.parse_time(one.known_at, 'known_at')) }})
            {%- endset -%}
            {%- set without = asof.evaluated_one(spec, compiled_sql, as_of, entity, same, features,
                {event.name: others}) -%}
            {%- do said.update({'without_it': asof.differing(again, without, features) if without is not none
                else {}}) -%}
        {%- endif -%}
        {%- do shown.append(said) -%}
    {%- endfor -%}
    {{- return({'model': event.name, 'known': run_query('select count(*) ' ~ known).rows[0][0] | int,
        'newest': shown}) -}}
{% endmacro %}

{# What a group's SQL gives for one entity at a moment, as texts. #}
{% macro evaluated_one(spec, compiled_sql, as_of, entity, same, features, events={}) %}
    {%- set moments = 'select ' ~ asof.sql_time(asof.parse_time(as_of, 'as_of')) ~ ' as as_of' -%}
    {%- set sql -%}
        with {{ asof.evaluated_again_sql(spec, compiled_sql, moments, entity, events) }}
        select *
        from asof_again as asof_found
        where {{ same | join(' and ') }}
    {%- endset -%}
    {{- return(asof.texts_of(sql, features)) -}}
{% endmacro %}

{# Of these columns those that differ, as {name: what the second one says}. #}
{% macro differing(one, other, columns) %}
    {%- set found = {} -%}
    {%- for name in columns if one[name] != other[name] -%}{%- do found.update({name: other[name]}) -%}{%- endfor -%}
    {{- return(found) -}}
{% endmacro %}
