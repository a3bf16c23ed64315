{# The aggregates of a profile, each over an expression of SQL. #}

{# The quantiles of a number at these shares, as a list, interpolated between neighbours. #}
{% macro quantiles(number, shares) %}{{ return(adapter.dispatch('quantiles', 'asof')(number, shares)) }}{% endmacro %}

{% macro duckdb__quantiles(number, shares) %}quantile_cont({{ number }}, {{ shares }}){% endmacro %}

{#
  How many values of a number lie in each bin, an aggregate for asof.bin_counts. edges: the sorted inner edges, an
  expression too. A value on an edge lies below it.
#}
{% macro binned(number, edges) %}{{ return(adapter.dispatch('binned', 'asof')(number, edges)) }}{% endmacro %}

{% macro duckdb__binned(number, edges) %}
    {{- return('histogram(' ~ number ~ ', coalesce(' ~ edges ~ ', cast([] as double[])))') -}}
{% endmacro %}

{# The same as a list, with one more item than there are edges; null where there are no edges, or is no value. #}
{% macro bin_counts(binned, edges) %}{{ return(adapter.dispatch('bin_counts', 'asof')(binned, edges)) }}{% endmacro %}

{% macro duckdb__bin_counts(binned, edges) -%}
    case when {{ binned }} is not null and {{ edges }} is not null then list_transform(
        {{ edges }} || [cast('infinity' as double)],
        lambda edge: cast(coalesce({{ binned }}[edge], 0) as bigint)
    ) end
{%- endmacro %}

{# The sorted different items of a list. #}
{% macro distinct_sorted(list) %}{{ return(adapter.dispatch('distinct_sorted', 'asof')(list)) }}{% endmacro %}

{% macro duckdb__distinct_sorted(list) %}list_sort(list_distinct({{ list }})){% endmacro %}

{#
  The values of a column and how often each occurs, as a JSON list of [value, rows], the most frequent first, then by
  value. where: a condition over the relation; null where it is false of all rows.
#}
{% macro value_counts(column, where) %}
    {{- return(adapter.dispatch('value_counts', 'asof')(column, where)) -}}
{% endmacro %}

{% macro duckdb__value_counts(column, where) -%}
    '[' || array_to_string(
        list_transform(
            list_sort(
                list_transform(
                    map_entries(histogram(cast({{ column }} as varchar)) filter (where {{ where }})),
                    lambda each: {'place': -cast(each.value as bigint), 'key': each.key}
                )
            ),
            lambda each: '[' || cast(to_json(each.key) as varchar) || ', ' || cast(-each.place as varchar) || ']'
        ),
        ', '
    ) || ']'
{%- endmacro %}

{# A JSON object as text. members: {name: expression, or members of an object in it}. #}
{% macro json_object(members) %}{{ return(adapter.dispatch('json_object', 'asof')(members)) }}{% endmacro %}

{% macro duckdb__json_object(members) %}cast(to_json({{ asof.duckdb_struct(members) }}) as varchar){% endmacro %}

{% macro duckdb_struct(members) %}
    {%- set parts = [] -%}
    {%- for name, value in members.items() -%}
        {%- do parts.append(asof.literal(name) ~ ': ' ~ (asof.duckdb_struct(value) if value is mapping else value)) -%}
    {%- endfor -%}
    {{- return('{' ~ parts | join(', ') ~ '}') -}}
{% endmacro %}

{# How often each value of a text occurs, an aggregate for asof.json_object. #}
{% macro counts_by(text) %}{{ return(adapter.dispatch('counts_by', 'asof')(text)) }}{% endmacro %}

{% macro duckdb__counts_by(text) %}coalesce(histogram({{ text }}), map()){% endmacro %}

{# The different values in the lists of [value, rows] of some profiles, as a JSON list; an aggregate. #}
{% macro values_of_all(top) %}{{ return(adapter.dispatch('values_of_all', 'asof')(top)) }}{% endmacro %}

{% macro duckdb__values_of_all(top) -%}
    cast(to_json(list_distinct(flatten(list(
        list_transform(from_json({{ top }}, '[["VARCHAR"]]'), lambda each: each[1])
    )))) as varchar)
{%- endmacro %}

{# The seconds from one time to the next in an order, as a window. #}
{% macro seconds_since_previous(time) %}
    {{- return(adapter.dispatch('seconds_since_previous', 'asof')(time)) -}}
{% endmacro %}

{% macro duckdb__seconds_since_previous(time) -%}
    epoch({{ time }} - lag({{ time }}) over (order by {{ time }}))
{%- endmacro %}

{# A JSON list of [value, rows] without the values of a list. #}
{% macro value_counts_without(top, values) %}
    {{- return(adapter.dispatch('value_counts_without', 'asof')(top, values)) -}}
{% endmacro %}

{% macro duckdb__value_counts_without(top, values) -%}
    '[' || array_to_string(
        list_transform(
            list_filter(from_json({{ top }}, '["JSON"]'), lambda each: not list_contains({{ values }}, each ->> 0)),
            lambda each: cast(each as varchar)
        ),
        ', '
    ) || ']'
{%- endmacro %}

{# A text, null where it is in a list. #}
{% macro unless_in(text, values) %}{{ return(adapter.dispatch('unless_in', 'asof')(text, values)) }}{% endmacro %}

{% macro duckdb__unless_in(text, values) -%}
    case when not list_contains({{ values }}, {{ text }}) then {{ text }} end
{%- endmacro %}
