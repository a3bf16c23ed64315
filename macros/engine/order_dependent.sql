{#
  What in a group's SQL may give other values when the same rows come in another order, or on another engine: a list of
  (problem, name). problem: float (an aggregate over floats), mean (avg of decimals; the name is that of the column),
  aggregate (one that picks or lists rows), arg (arg_max and its like by a single column), window, rows (limit,
  distinct on and their like), or unbound with the engine's message.
  Empty where the engine cannot say.
  parents: (relation as the text names it, relation that its rows stand in), of each model that the text reads.
#}
{% macro order_dependent(sql, parents) %}
    {{- return(adapter.dispatch('order_dependent', 'asof')(sql, parents)) -}}
{% endmacro %}

{% macro default__order_dependent(sql, parents) %}{{ return([]) }}{% endmacro %}

{#
  DuckDB's binder says which functions a text really calls, over which types. It is given the group's own text over
  tables of the shape of its parents, so that what a staging view does is not laid at the group's door.
#}
{% macro duckdb__order_dependent(sql, parents) %}
    {%- set shapes = [] -%}
    {%- set out = namespace(sql=sql) -%}
    {%- for named, relation in parents -%}
        {%- set shape -%}
            "{{ named.identifier }}" as (
                select
                    {%- for column in run_query('describe ' ~ relation).rows %}
                    cast(null as {{ column[1] }}) as "{{ column[0] | replace('"', '""') }}"{{ ',' if not loop.last }}
                    {%- endfor %}
            )
        {%- endset -%}
        {%- do shapes.append(shape) -%}
        {%- set out.sql = out.sql | replace(named | string, '"' ~ named.identifier ~ '"') -%}
    {%- endfor -%}
    {%- set text = 'with ' ~ shapes | join(', ') ~ ' select * from (' ~ out.sql ~ '\n) as feature_group' -%}
    {{- return(run_query(asof.duckdb_order_dependent_sql(text)).rows) -}}
{% endmacro %}
