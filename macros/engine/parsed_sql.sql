{#
  What the engine's own parser sees in a SQL text, also behind macros: {relations, functions, table_functions, has_window}.
  relations: the base tables it reads, one {name, path} per reference; path as written, `database.schema.name` where in full.
  functions and table_functions: the lower-case names called.
  None where the engine has no such parser; then only the checks over the graph apply.
#}
{% macro parsed_sql(sql) %}{{ return(adapter.dispatch('parsed_sql', 'asof')(sql)) }}{% endmacro %}

{% macro default__parsed_sql(sql) %}{{ return(none) }}{% endmacro %}

{% macro duckdb__parsed_sql(sql) %}
    {%- set text = run_query("select json_serialize_sql('" ~ sql | replace("'", "''") ~ "')").rows[0][0] -%}
    {%- set tree = fromjson(text) -%}
    {%- if tree.error -%}
        {{- asof.refuse('its compiled SQL cannot be read by the parser: ' ~ tree.error_message) -}}
    {%- endif -%}
    {%- set relations, functions, table_functions, windows = [], [], [], [] -%}
    {%- for kind, name, path in run_query(asof.duckdb_parsed_nodes_sql(text)).rows -%}
        {%- if kind == 'relation' -%}{%- do relations.append({'name': name, 'path': path}) -%}
        {%- elif kind == 'function' -%}{%- do functions.append(name) -%}
        {%- elif kind == 'table function' -%}{%- do table_functions.append(name) -%}
        {%- else -%}{%- do windows.append(name) -%}{%- endif -%}
    {%- endfor -%}
    {{- return({
        'relations': relations,
        'functions': functions | unique | list,
        'table_functions': table_functions | unique | list,
        'has_window': windows | length > 0,
    }) -}}
{% endmacro %}

{#
  The nodes of a serialized syntax tree that matter: rows of (kind, name, path). A bare name is a common table expression
  only where one of that name is in scope: declared by a query around it, and not the very one (or a later one) it stands in.
#}
{% macro duckdb_parsed_nodes_sql(text) %}
    with tree as materialized (
        select fullkey, key, type, value from json_tree('{{ text | replace("'", "''") }}')
    ),
    cte as (
        select
            value ->> 'key' as name,
            regexp_replace(fullkey, '\\.cte_map\\.map\\[\\d+\\]$', '') as scope,
            cast(regexp_extract(fullkey, '\\[(\\d+)\\]$', 1) as integer) as place
        from tree
        where regexp_matches(fullkey, '\\.cte_map\\.map\\[\\d+\\]$')
    ),
    base_table as (
        select
            fullkey,
            value ->> 'table_name' as name,
            concat_ws('.', nullif(value ->> 'catalog_name', ''), nullif(value ->> 'schema_name', ''), value ->> 'table_name') as path
        from tree
        where type = 'OBJECT' and value ->> 'type' = 'BASE_TABLE'
    )
    select 'relation' as kind, name, path
    from base_table
    where not exists (
        select 1
        from cte
        where
            lower(cte.name) = lower(base_table.path)
            and starts_with(base_table.fullkey, cte.scope || '.')
            -- in the declarations themselves only those before it are in scope
            and coalesce(
                cast(nullif(regexp_extract(substr(base_table.fullkey, length(cte.scope) + 1), '^\\.cte_map\\.map\\[(\\d+)\\]', 1), '') as integer),
                cte.place + 1
            ) > cte.place
    )
    union all
    select 'function', lower(value ->> '$'), null from tree where key = 'function_name'
    union all
    -- age(x) is the time since x until now; with two arguments it is plain arithmetic
    select 'function', 'age of one argument', null
    from tree
    where type = 'OBJECT' and lower(value ->> 'function_name') = 'age' and json_array_length(value -> 'arguments') = 1
    union all
    -- current_date and its like are parsed as columns until they are bound
    select 'function', lower(value ->> '$[0]'), null
    from tree
    where
        key = 'column_names' and json_array_length(value) = 1
        and lower(value ->> '$[0]') in ('current_date', 'current_time', 'current_timestamp', 'localtime', 'localtimestamp')
    union all
    select 'function', 'tablesample', null from tree where key = 'sample' and type = 'OBJECT'
    union all
    select 'table function', lower(value -> 'function' ->> 'function_name'), null
    from tree
    where type = 'OBJECT' and value ->> 'type' = 'TABLE_FUNCTION'
    union all
    select 'window', 'window', null from tree where type = 'OBJECT' and value ->> 'class' = 'WINDOW'
{% endmacro %}

{# Of these function names, those that aggregate, and those whose value depends on when or how often they are called. #}
{% macro function_kinds(functions) %}{{ return(adapter.dispatch('function_kinds', 'asof')(functions)) }}{% endmacro %}
{% macro duckdb__function_kinds(functions) %}
    {%- set kinds = {'aggregate': [], 'volatile': []} -%}
    {%- set names = "('" ~ functions | join("', '") ~ "')" -%}
    {%- for row in run_query(
        "select lower(function_name) as name, 'aggregate' as kind from duckdb_functions() where lower(function_name) in " ~ names
        ~ " group by 1 having bool_or(function_type = 'aggregate') and not bool_or(function_type = 'scalar') "
        ~ "union all select distinct lower(function_name), 'volatile' from duckdb_functions() "
        ~ "where stability in ('VOLATILE', 'CONSISTENT_WITHIN_QUERY') and lower(function_name) in " ~ names).rows -%}
        {%- do kinds[row[1]].append(row[0]) -%}
    {%- endfor -%}
    {#- what the engine doesn't list as such -#}
    {%- for name in functions if name in ['current_time', 'current_timestamp', 'localtime', 'localtimestamp', 'current_date', 'current_localtime',
            'current_localtimestamp', 'age of one argument', 'tablesample', 'reservoir_quantile'] and name not in kinds.volatile -%}
        {%- do kinds.volatile.append(name) -%}
    {%- endfor -%}
    {{- return(kinds) -}}
{% endmacro %}
