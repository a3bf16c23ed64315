{#
  The nodes that matter in the serialized syntax trees of SQL texts: rows of (number, kind, name, path, alias, within,
  declared). number: the place of the text, from 0. Of a macro, path is its text as a query. Of a text that is no SQL
  there is one row `error` with the parser's message.
  A bare name means the common table expression of that name whose declaring query is the innermost around it. Among the
  declarations of one query only earlier ones are in scope, and in the recursive part of one, itself.
#}
{% macro duckdb_parsed_nodes_sql(texts) %}
    with serialized as materialized (
        select number, json_serialize_sql(sql) as syntax
        from (
            values {% for text in texts %}({{ loop.index0 }}, {{ asof.literal(text) }}){{ ', ' if not loop.last }}
            {%- endfor %}
        ) as text(number, sql)
    ),
    tree as materialized (
        select
            number, number || node.fullkey as fullkey, number || node.path as path, node.key, node.type, node.value
        from serialized, json_tree(serialized.syntax) as node
    ),
    cte as (
        select
            fullkey,
            path,
            substr(path, 1, length(path) - length('.cte_map.map')) as scope,
            cast(key as integer) as place,
            value ->> 'key' as name,
            case
                when (value -> 'value' -> 'query_node' ->> 'type') = 'RECURSIVE_CTE_NODE'
                    then fullkey || '.value.query_node.right.'
            end as recursion
        from tree
        where ends_with(path, '.cte_map.map')
    ),
    base_table as (
        select
            number,
            fullkey,
            value ->> 'table_name' as name,
            concat_ws(
                '.', nullif(value ->> 'catalog_name', ''), nullif(value ->> 'schema_name', ''), value ->> 'table_name'
            ) as path,
            nullif(value ->> 'alias', '') as alias
        from tree
        where type = 'OBJECT' and value ->> 'type' = 'BASE_TABLE'
    ),
    reference as (
        select
            base_table.*,
            (
                select arg_max(cte.fullkey, length(cte.fullkey))
                from cte
                where starts_with(base_table.fullkey, cte.fullkey || '.')
            ) as within,
            (
                select arg_max(cte.fullkey, length(cte.scope))
                from cte
                where
                    lower(cte.name) = lower(base_table.name)
                    and starts_with(base_table.fullkey, cte.scope || '.')
                    and not exists (
                        select 1
                        from cte as around
                        where
                            around.path = cte.path
                            and around.place <= cte.place
                            and starts_with(base_table.fullkey, around.fullkey || '.')
                            and not coalesce(
                                around.place = cte.place and starts_with(base_table.fullkey, cte.recursion), false
                            )
                    )
            ) as declared
        from base_table
    ),
    -- the queries that asof's own joins write
    own_query as (
        select tree.fullkey
        from tree
        inner join base_table
            on base_table.fullkey in (
                tree.fullkey || '.from_table', tree.fullkey || '.from_table.left', tree.fullkey || '.from_table.right'
            )
        where starts_with(base_table.alias, 'asof_')
    ),
    called as materialized (
        select distinct number, name
        from (
            select number, lower(value ->> '$') as name from tree where key = 'function_name'
            union all
            -- age(x) is the time since x until now; with two arguments it is plain arithmetic
            select number, 'age of one argument'
            from tree
            where
                type = 'OBJECT' and lower(value ->> 'function_name') = 'age'
                and json_array_length(value -> 'arguments') = 1
            union all
            -- current_date and its like are parsed as columns until they are bound
            select number, lower(value ->> '$[0]')
            from tree
            where
                key = 'column_names' and json_array_length(value) = 1
                and lower(value ->> '$[0]') in (
                    'current_date', 'current_time', 'current_timestamp', 'localtime', 'localtimestamp')
            union all
            select number, 'tablesample' from tree where key = 'sample' and type = 'OBJECT'
        ) as function
    ),
    known_function as materialized (
        select
            lower(function_name) as name,
            function_type,
            stability in ('VOLATILE', 'CONSISTENT_WITHIN_QUERY') as is_flagged,
            macro_definition
        from duckdb_functions()
        where lower(function_name) in (select name from called)
    )
    select number, 'error' as kind, syntax ->> 'error_message' as name, null as path, null as alias, null as within,
        null as declared
    from serialized
    where (syntax ->> 'error') = 'true'
    union all
    select
        number,
        case
            when declared is null then 'relation'
            when path <> name then 'hidden relation'
            else 'common table'
        end,
        name,
        path,
        alias,
        within,
        declared
    from reference
    union all
    select number, 'functions', name, null, null, null, null from called
    union all
    select number, 'aggregates', name, null, null, null, null
    from called
    where
        name in (
            select name
            from known_function
            group by 1
            having bool_or(function_type = 'aggregate') and not bool_or(function_type = 'scalar')
        )
    union all
    select number, 'volatile', name, null, null, null, null
    from called
    where
        name in ({{ asof.literals(asof.duckdb_volatile_functions()) }})
        or (
            name in (select name from known_function where is_flagged)
            and name not in ({{ asof.literals(asof.duckdb_pure_functions()) }})
        )
    union all
    select number, 'macro', name, 'select ' || macro_definition, null, null, null
    from called
    inner join known_function using (name)
    where function_type = 'macro'
    union all
    select number, 'table_functions', lower(value -> 'function' ->> 'function_name'), null, null, null, null
    from tree
    where type = 'OBJECT' and value ->> 'type' = 'TABLE_FUNCTION'
    union all
    -- describe, show and summarize in a from clause
    select number, 'table_functions', 'show', null, null, null, null
    from tree
    where type = 'OBJECT' and value ->> 'type' = 'SHOW_REF'
    union all
    select number, 'window', null, null, null, null, null
    from tree
    where
        type = 'OBJECT' and value ->> 'class' = 'WINDOW'
        and not exists (select 1 from own_query where starts_with(tree.fullkey, own_query.fullkey || '.'))
    union all
    select number, 'as_of', null, null, null, null, null
    from tree
    where
        (
            type = 'OBJECT' and lower(value ->> 'alias') = 'as_of' and value ->> 'class' is not null
            and not (value ->> 'class' = 'COLUMN_REF' and lower(value -> 'column_names' ->> -1) = 'as_of')
        )
        or (ends_with(path, '.replace_list') and lower(value ->> 'key') = 'as_of')
        or (ends_with(path, '.rename_list') and lower(value ->> 'value') = 'as_of')
        or (
            (ends_with(path, '.aliases') or ends_with(path, '.column_name_alias'))
            and lower(value ->> '$') = 'as_of'
        )
    union all
    select number, 'subquery', null, null, null, null, null
    from tree
    where
        type = 'OBJECT' and value ->> 'type' = 'SELECT_NODE'
        and fullkey not in (select fullkey from own_query)
    group by number
    having count(*) > 1
{% endmacro %}
