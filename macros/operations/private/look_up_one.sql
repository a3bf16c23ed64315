{#
  One request, looked up: the temporary table asof_explained, empty where there was no snapshot. Returns the
  request as an example.
#}
{% macro look_up_one(spec, request, moment, sequence_number) %}
    {%- set known, columns = [], [] -%}
    {%- for column in spec['keys'] + spec.request -%}
        {%- do known.append(column.name) -%}
        {%- do columns.append('cast(' ~ asof.literal(request.get(column.name)) ~ ' as ' ~ column.type ~ ') as '
            ~ column.name) -%}
    {%- endfor -%}
    {%- for key in spec['keys'] if request.get(key.name) is none -%}
        {{- asof.refuse(spec.id ~ ' is asked by ' ~ spec['keys'] | map(attribute='name') | join(', ') ~ ': '
            ~ key.name ~ ' is missing.') -}}
    {%- endfor -%}
    {%- for name in request if name not in known -%}
        {{- asof.refuse(spec.id ~ ' takes no ' ~ name ~ '; it takes ' ~ known | join(', ') ~ '.') -}}
    {%- endfor -%}
    {%- set asked -%}
        (
            select
                'asked' as row_id,
                {{ columns | join(', ') }},
                {{ asof.sql_time(moment) }} as prediction_time,
                cast({{ asof.literal(sequence_number) }} as bigint) as sequence_number
        ) as asof_asked
    {%- endset -%}
    {%- set sql -%}
        create temporary table asof_explained as
        {{ asof.looked_up_sql(spec, asked, has_sequence_number=true) }}
        select *
        from asof_looked_up
    {%- endset -%}
    {%- do run_query(sql) -%}
    {{- return(asked) -}}
{% endmacro %}

{# The first row of a query as {column: text}, or none. Times come as RFC 3339. #}
{% macro texts_of(sql, columns) %}
    {%- set selected = [] -%}
    {%- for name in columns -%}{%- do selected.append(asof.text_of(name)) -%}{%- endfor -%}
    {%- set rows = run_query('select ' ~ selected | join(', ') ~ ' from (' ~ sql ~ ') as asof_found').rows -%}
    {%- if rows | length == 0 -%}{{- return(none) -}}{%- endif -%}
    {%- set found = {} -%}
    {%- for name in columns -%}{%- do found.update({name: rows[0][loop.index0]}) -%}{%- endfor -%}
    {{- return(found) -}}
{% endmacro %}
