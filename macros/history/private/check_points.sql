{#
  Refuses a moment whose rows are not exactly its points, by what rows_and_points_sql found; returns the number of
  points.
#}
{% macro check_points(spec, moment, found) %}
    {%- set rows, distinct_keys, points, missing, strange = found[0] | int, found[1] | int, found[2] | int,
        found[3] | int, found[4] | int -%}
    {%- if rows != points or distinct_keys != rows or missing or strange -%}
        {{- asof.refuse(spec.id ~ ' returned ' ~ rows ~ ' rows for the ' ~ points ~ ' points of ' ~ spec.entity.name
            ~ ' at ' ~ moment ~ ': ' ~ missing ~ ' points without a row, ' ~ strange ~ ' rows that are no point, '
            ~ (rows - distinct_keys) ~ ' rows too many. A group returns exactly one row per point: take points '
            ~ 'first, only left-join to them, and group by the keys and as_of. (After --empty, build its view '
            ~ 'again: dbt run -s +' ~ spec.history_node.name ~ '.) Nothing was recorded. See '
            ~ spec.node.original_file_path ~ '.') -}}
    {%- endif -%}
    {{- return(points) -}}
{% endmacro %}

{# One row: how many rows, keys in them, points, points without a row, and keys that are no point. #}
{% macro rows_and_points_sql(spec, at, current) -%}
    {%- set names = spec['keys'] | map(attribute='name') | join(', ') -%}
    select
        coalesce(sum(asof_rows), 0),
        count(*) filter (where asof_rows > 0),
        coalesce(sum(asof_points), 0),
        count(*) filter (where asof_rows = 0),
        count(*) filter (where asof_points = 0)
    from (
        select {{ names }}, sum(asof_is_row) as asof_rows, sum(asof_is_point) as asof_points
        from (
            select {{ names }}, 1 as asof_is_row, 0 as asof_is_point from {{ current }}
            union all
            select {{ names }}, 0, 1
            from {{ asof.relation_of(spec.entity) }} as entity
            where {{ asof.is_point('entity', at) }}
        ) as either
        group by {{ names }}
    ) as per_key
{%- endmacro %}
