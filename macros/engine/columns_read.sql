{#
  The names of columns that a query really reads of its base tables: what is only passed on, through CTEs, stars or
  renames, to a column that it does not select is not read. None where the engine cannot say.
#}
{% macro columns_read(sql) %}{{ return(adapter.dispatch('columns_read', 'asof')(sql)) }}{% endmacro %}

{% macro default__columns_read(sql) %}{{ return(none) }}{% endmacro %}

{#
  DuckDB's optimizer leaves columns that nothing uses out of the scans of its plan. What the rows happen to hold must
  not tell: by their statistics a condition might be left out that other rows would meet.
#}
{% macro duckdb__columns_read(sql) %}
    {%- set before = run_query("select current_setting('disabled_optimizers')").rows[0][0] -%}
    {%- do run_query("set disabled_optimizers = 'statistics_propagation'") -%}
    {%- set plan = fromjson(run_query('explain (format json) ' ~ sql).rows[0][1]) -%}
    {%- do run_query('set disabled_optimizers = ' ~ asof.literal(before)) -%}
    {%- set read = [] -%}
    {%- for node in plan -%}{%- do asof.duckdb_scanned(node, read) -%}{%- endfor -%}
    {{- return(read | unique | list) -}}
{% endmacro %}

{# Adds what the scans under a node of a plan read. #}
{% macro duckdb_scanned(node, read) %}
    {%- if node.extra_info.Table -%}
        {%- for said in ['Projections', 'Filters'] -%}
            {%- do read.extend(modules.re.findall('\\w+', node.extra_info.get(said, '') | string)) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- for child in node.children -%}{%- do asof.duckdb_scanned(child, read) -%}{%- endfor -%}
{% endmacro %}
