{#
  What the engine's own parser sees in SQL texts, also behind macros, dbt's and the engine's. A list, one per text, of
  {relations, common_tables, functions, aggregates, volatile, table_functions, has_window, is_one_select, names_as_of}.
  relations: the tables and views it reads, one per reference: {name, path, alias, within, is_hidden}. path: as written,
  `database.schema.name` where in full. within: the common table expression that it stands in, or none. is_hidden:
  whether a common table expression of that name is in scope there. common_tables: the references to common table
  expressions: {name, declared, within}. declared and within tell apart the one that is meant and the one that the
  reference stands in. functions, table_functions: the lower-case names called; aggregates, volatile: those functions
  that aggregate, and those whose value depends on when, where or how often they are called (a clock, dice, the
  session). has_window, is_one_select: whether there is a window, and whether there is no query but the outermost. What
  asof's own joins write, whose relations have aliases that begin with asof_, is not counted. names_as_of: whether
  something else than a column as_of is given that name. Empty where the engine has no such parser; then only the
  checks over the graph apply. A text that the parser cannot read is refused, or with refuses=false has only `error`.
#}
{% macro parsed_sql(texts, refuses=true) %}
    {{- return(adapter.dispatch('parsed_sql', 'asof')(texts, refuses)) -}}
{% endmacro %}

{% macro default__parsed_sql(texts, refuses) %}{{ return([]) }}{% endmacro %}

{# One statement for all texts, since planning it costs more than reading them; one more where macros are called. #}
{% macro duckdb__parsed_sql(texts, refuses) %}
    {%- set all, queue = [], namespace(texts=[]) -%}
    {%- for text in texts -%}
        {%- do all.append({'relations': [], 'common_tables': [], 'functions': [], 'aggregates': [], 'volatile': [],
            'table_functions': [], 'has_window': false, 'is_one_select': true, 'names_as_of': false}) -%}
        {%- do queue.texts.append((all[-1], text)) -%}
    {%- endfor -%}
    {%- for _ in range(100) if queue.texts -%}
        {%- set queue.texts = asof.duckdb_parse_into(queue.texts, refuses) -%}
    {%- endfor -%}
    {{- return(all) -}}
{% endmacro %}

{#
  Adds what each text holds to what is parsed: pairs (parsed, text). Returns the same pairs of the macros that the
  texts call for the first time: the engine puts their text in their place.
#}
{% macro duckdb_parse_into(texts, refuses) %}
    {%- set called, macros = [], [] -%}
    {%- set sql = asof.duckdb_parsed_nodes_sql(texts | map(attribute=1) | list) -%}
    {%- for number, kind, name, path, alias, within, declared in run_query(sql).rows -%}
        {%- set parsed = texts[number | int][0] -%}
        {%- if kind == 'error' and not refuses -%}{%- do parsed.update({'error': name}) -%}
        {%- elif kind == 'error' -%}
            {{- asof.refuse('the compiled SQL of this model cannot be read by the parser: ' ~ name) -}}
        {%- elif kind in ['relation', 'hidden relation'] -%}
            {%- do parsed.relations.append({'name': name, 'path': path, 'alias': alias, 'within': within,
                'is_hidden': kind == 'hidden relation'}) -%}
        {%- elif kind == 'common table' -%}
            {%- do parsed.common_tables.append({'name': name, 'declared': declared, 'within': within}) -%}
        {%- elif kind == 'macro' -%}
            {%- if name not in parsed.functions -%}{%- do macros.append((parsed, path)) -%}{%- endif -%}
        {%- elif kind == 'window' -%}{%- do parsed.update({'has_window': true}) -%}
        {%- elif kind == 'subquery' -%}{%- do parsed.update({'is_one_select': false}) -%}
        {%- elif kind == 'as_of' -%}{%- do parsed.update({'names_as_of': true}) -%}
        {%- else -%}{%- do called.append((parsed[kind], name)) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for names, name in called if name not in names -%}{%- do names.append(name) -%}{%- endfor -%}
    {{- return(macros) -}}
{% endmacro %}

{#
  What a function is decides, by two lists. DuckDB's own flag decides only for a function that is in neither: from
  2.0.1 on it says of timestamptz arithmetic what it says of now(), since that reads the session's time zone, which is
  UTC here.

  Clocks, dice, and what tells of the session; also those that the engine does not list, or does not flag.
#}
{% macro duckdb_volatile_functions() %}
    {%- set clocks = ['now', 'get_current_timestamp', 'transaction_timestamp', 'current_timestamp', 'today',
        'current_date',
        'get_current_time', 'current_time', 'current_localtime', 'current_localtimestamp', 'localtime',
        'localtimestamp', 'clock_timestamp', 'statement_timestamp', 'timeofday',
        'age of one argument'] -%}
    {%- set dice = ['random', 'setseed', 'uuid', 'uuidv4', 'uuidv7', 'gen_random_uuid', 'reservoir_quantile',
        'tablesample'] -%}
    {%- set session = ['current_connection_id', 'current_database', 'current_query', 'current_query_id',
        'current_schema',
        'current_schemas', 'current_setting', 'current_transaction_id', 'currval', 'getvariable', 'in_search_path',
        'nextval',
        'setval', 'sleep_ms', 'stats', 'txid_current', 'vector_type', 'write_log'] -%}
    {{- return(clocks + dice + session) -}}
{% endmacro %}

{# What the engine flags though its value is the same in every run: times in the session's zone, and an error. #}
{% macro duckdb_pure_functions() %}
    {{- return(['+', '-', 'age', 'century', 'date_diff', 'date_part', 'date_sub', 'date_trunc', 'datediff',
        'datepart', 'datesub',
        'datetrunc', 'day', 'dayname', 'dayofmonth', 'dayofweek', 'dayofyear', 'decade', 'era', 'error',
        'generate_series', 'hour', 'isodow', 'isoyear', 'julian', 'last_day', 'make_timestamptz', 'microsecond',
        'millennium',
        'millisecond', 'minute', 'month', 'monthname', 'quarter', 'range', 'second', 'strftime', 'time_bucket',
        'timezone',
        'timezone_hour', 'timezone_minute', 'week', 'weekday', 'weekofyear', 'year', 'yearweek']) -}}
{% endmacro %}
