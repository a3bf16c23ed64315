{#
  What the engine's own parser sees in a SQL text, also behind macros, dbt's and the engine's:
  {relations, common_tables, functions, table_functions, has_window, is_one_select, names_as_of}.
  relations: the tables and views it reads, one per reference: {name, path, alias, within, is_hidden}. path: as written,
  `database.schema.name` where in full. within: the common table expression that it stands in, or none. is_hidden:
  whether a common table expression of that name is in scope there. common_tables: the references to common table
  expressions: {name, declared, within}. declared and within tell apart the one that is meant and the one that the
  reference stands in. functions, table_functions: the lower-case names called. has_window, is_one_select: whether
  there is a window, and whether there is no query but the outermost. What asof's own joins write, whose relations
  have aliases that begin with asof_, is not counted. names_as_of: whether something else than a column as_of is given
  that name. None where the engine has no such parser; then only the checks over the graph apply.
#}
{% macro parsed_sql(sql) %}{{ return(adapter.dispatch('parsed_sql', 'asof')(sql)) }}{% endmacro %}

{% macro default__parsed_sql(sql) %}{{ return(none) }}{% endmacro %}

{% macro duckdb__parsed_sql(sql) %}
    {%- set parsed = {'relations': [], 'common_tables': [], 'functions': [], 'table_functions': [], 'has_window': false,
        'is_one_select': true, 'names_as_of': false} -%}
    {%- set queue = namespace(texts=[sql], expanded=[]) -%}
    {%- for _ in range(100) if queue.texts -%}
        {%- for text in queue.texts -%}{%- do asof.duckdb_parse_into(parsed, text) -%}{%- endfor -%}
        {%- set called = parsed.functions | unique | reject('in', queue.expanded) | list -%}
        {%- do queue.expanded.extend(called) -%}
        {%- set queue.texts = asof.duckdb_macro_texts(called) -%}
    {%- endfor -%}
    {%- do parsed.update({'functions': queue.expanded, 'table_functions': parsed.table_functions | unique | list}) -%}
    {{- return(parsed) -}}
{% endmacro %}

{# Adds to `parsed` what one text holds. #}
{% macro duckdb_parse_into(parsed, sql) %}
    {%- set text = run_query('select json_serialize_sql(' ~ asof.literal(sql) ~ ')').rows[0][0] -%}
    {%- set tree = fromjson(text) -%}
    {%- if tree.error -%}
        {{- asof.refuse('the compiled SQL of this model cannot be read by the parser: ' ~ tree.error_message) -}}
    {%- endif -%}
    {%- set selects = [] -%}
    {%- for kind, name, path, alias, within, declared in run_query(asof.duckdb_parsed_nodes_sql(text)).rows -%}
        {%- if kind in ['relation', 'hidden relation'] -%}
            {%- do parsed.relations.append({'name': name, 'path': path, 'alias': alias, 'within': within,
                'is_hidden': kind == 'hidden relation'}) -%}
        {%- elif kind == 'common table' -%}
            {%- do parsed.common_tables.append({'name': name, 'declared': declared, 'within': within}) -%}
        {%- elif kind == 'function' -%}{%- do parsed.functions.append(name) -%}
        {%- elif kind == 'table function' -%}{%- do parsed.table_functions.append(name) -%}
        {%- elif kind == 'window' -%}{%- do parsed.update({'has_window': true}) -%}
        {%- elif kind == 'as_of' -%}{%- do parsed.update({'names_as_of': true}) -%}
        {%- else -%}{%- do selects.append(name) -%}{%- endif -%}
    {%- endfor -%}
    {%- if selects | length > 1 -%}{%- do parsed.update({'is_one_select': false}) -%}{%- endif -%}
{% endmacro %}

{#
  Of these functions, those that are macros of the engine, as a query of each: the engine puts their text in their
  place.
#}
{% macro duckdb_macro_texts(functions) %}
    {%- if not functions -%}{{- return([]) -}}{%- endif -%}
    {%- set sql -%}
        select 'select ' || macro_definition
        from duckdb_functions()
        where function_type = 'macro' and lower(function_name) in ({{ asof.literals(functions) }})
    {%- endset -%}
    {{- return(run_query(sql).columns[0].values() | list) -}}
{% endmacro %}
