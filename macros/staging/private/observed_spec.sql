{# {keys, columns}: the key names of an observed model, and all that its SQL returns as {name, type}. #}
{% macro observed_spec(sql) %}
    {%- set where = model.original_file_path ~ ': the observed model ' ~ model.name -%}
    {%- set unique_key = config.get('unique_key') or [] -%}
    {%- set keys = [unique_key] if unique_key is string else unique_key -%}
    {%- set columns = [] -%}
    {%- for column in get_column_schema_from_query(sql) -%}
        {%- do columns.append({'name': column.name | lower, 'type': column.data_type}) -%}
    {%- endfor -%}
    {%- set names = columns | map(attribute='name') | list -%}
    {%- if not keys or keys | reject('in', names) | list -%}
        {{- asof.refuse(where ~ ' must name its key(s) among the columns it returns, as in {{ '
            ~ 'config(materialized=\'observed\', unique_key=\'customer_id\') }}. unique_key is ' ~ (keys | join(', ')
            or 'not set') ~ '; it returns ' ~ names | join(', ') ~ '.') -}}
    {%- endif -%}
    {%- set reserved, words, problems = asof.reserved_names('observed'), asof.reserved_words(), [] -%}
    {%- for name in names -%}
        {%- do problems.append(asof.problem_of_name(model.original_file_path, 'the observed model ' ~ model.name
            ~ ', the column', name,
            reserved, words)) -%}
    {%- endfor -%}
    {%- do asof.refuse_all(problems) -%}
    {{- return({'keys': keys, 'columns': columns}) -}}
{% endmacro %}

{# The columns of the table as DDL: `name type`. #}
{% macro observed_columns(spec) %}
    {%- set time = asof.type_timestamptz() -%}
    {%- set ddl = ['event_id varchar not null', 'occurred_at ' ~ time ~ ' not null', 'known_at ' ~ time
        ~ ' not null'] -%}
    {%- for column in spec.columns -%}
        {%- do ddl.append(column.name ~ ' ' ~ column.type ~ (' not null' if column.name in spec['keys'] else '')) -%}
    {%- endfor -%}
    {{- return(ddl + ['is_deleted boolean not null']) -}}
{% endmacro %}

{# Refuses SQL whose columns or types are not those captured before; without rows the table is made anew. #}
{% macro refuse_changed_observation(spec, relation) %}
    {%- set captured, returned = {}, {} -%}
    {%- for column in get_column_schema_from_query('select * from ' ~ relation) -%}
        {%- do captured.update({column.name | lower: column.data_type}) -%}
    {%- endfor -%}
    {%- for name in ['event_id', 'occurred_at', 'known_at', 'is_deleted'] -%}
        {%- do returned.update({name: captured.get(name)}) -%}
    {%- endfor -%}
    {%- for column in spec.columns -%}{%- do returned.update({column.name: column.type}) -%}{%- endfor -%}
    {%- if captured == returned -%}{{- return(none) -}}{%- endif -%}
    {%- set rows = run_query('select count(*) from ' ~ relation).rows[0][0] -%}
    {%- if rows == 0 -%}
        {%- do adapter.drop_relation(relation) -%}
        {{- return(none) -}}
    {%- endif -%}
    {%- set changes = [] -%}
    {%- for name in captured if name not in returned -%}{%- do changes.append(name ~ ' is gone') -%}{%- endfor -%}
    {%- for name, type in returned.items() if captured.get(name) != type -%}
        {%- do changes.append(name ~ (' is ' ~ type ~ ' and was ' ~ captured[name] if name in captured
            else ' is new')) -%}
    {%- endfor -%}
    {{- asof.refuse(model.original_file_path ~ ': the columns of ' ~ model.name ~ ' are no longer those of the '
        ~ rows ~ ' rows it captured: ' ~ changes | join(', ') ~ '. What was captured cannot be captured again. Put '
        ~ 'the columns back (cast a changed type), or write a second observed model with the new columns beside '
        ~ 'this one: its history begins with its first run. To give up what was captured, drop the table ' ~ relation
        ~ ' yourself.') -}}
{% endmacro %}
