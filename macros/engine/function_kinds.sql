{#
  What kind of functions these are: {aggregate, volatile}, the names among them that aggregate, and those whose value
  depends on when, where or how often they are called (a clock, dice, the session).
#}
{% macro function_kinds(functions) %}{{ return(adapter.dispatch('function_kinds', 'asof')(functions)) }}{% endmacro %}

{#
  What a function is decides, by two lists. DuckDB's own flag decides only for a function that is in neither: from
  2.0.1 on it says of timestamptz arithmetic what it says of now(), since that reads the session's time zone, which is
  UTC here.
#}
{% macro duckdb__function_kinds(functions) %}
    {%- set kinds = {'aggregate': [], 'volatile': []} -%}
    {%- if not functions -%}{{- return(kinds) -}}{%- endif -%}
    {%- set sql -%}
        select
            lower(function_name) as name,
            bool_or(function_type = 'aggregate') and not bool_or(function_type = 'scalar') as is_aggregate,
            coalesce(bool_or(stability in ('VOLATILE', 'CONSISTENT_WITHIN_QUERY')), false) as is_flagged
        from duckdb_functions()
        where lower(function_name) in ({{ asof.literals(functions) }})
        group by 1
        order by 1
    {%- endset -%}
    {%- set flagged = [] -%}
    {%- for name, is_aggregate, is_flagged in run_query(sql).rows -%}
        {%- if is_aggregate -%}{%- do kinds.aggregate.append(name) -%}{%- endif -%}
        {%- if is_flagged -%}{%- do flagged.append(name) -%}{%- endif -%}
    {%- endfor -%}
    {%- set volatile, pure = asof.duckdb_volatile_functions(), asof.duckdb_pure_functions() -%}
    {%- for name in functions if name in volatile or (name in flagged and name not in pure) -%}
        {%- do kinds.volatile.append(name) -%}
    {%- endfor -%}
    {{- return(kinds) -}}
{% endmacro %}

{# Clocks, dice, and what tells of the session; also those that the engine does not list, or does not flag. #}
{% macro duckdb_volatile_functions() %}
    {%- set clocks = ['now', 'get_current_timestamp', 'transaction_timestamp', 'current_timestamp', 'today',
        'current_date',
        'get_current_time', 'current_time', 'current_localtime', 'current_localtimestamp', 'localtime',
        'localtimestamp',
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
