{#
  Two lists rule. Exact: the value is the same in any order. Exact but over floats: addition of floats is not
  associative. Whatever else there is, today or in an extension, needs a total order: more than one expression, or
  event_id among them, or the very value that is aggregated. (A third list only picks the words of the error.)
#}
{% macro duckdb_order_dependent_sql(text) %}
    {%- set exact -%}
        (
            'count', 'count_star', 'count_if', 'countif', 'regr_count', 'min', 'max', 'bool_and', 'bool_or', 'bit_and',
            'bit_or', 'bit_xor', 'bitstring_agg', 'median', 'mad', 'quantile', 'quantile_cont', 'quantile_disc',
            'histogram', 'histogram_exact', 'approx_count_distinct', 'rank', 'rank_dense', 'percent_rank', 'cume_dist'
        )
    {%- endset -%}
    {%- set exact_but_over_floats = "('sum', 'sum_no_overflow', 'avg', 'mean', 'decimal_average')" -%}
    {%- set means = "('avg', 'mean', 'decimal_average')" -%}
    {%- set picks = "('first', 'last', 'any_value', 'arbitrary', 'list', 'array_agg', 'mode')" -%}
    with tree as materialized (
        select fullkey, value
        from json_tree(json_serialize_plan('{{ text | replace("'", "''") }}', skip_null := true,
        skip_empty := true, skip_default := true))
        where type = 'OBJECT'
    ),
    call as (
        select
            (value ->> 'expression_class') = 'BOUND_WINDOW' as is_window,
            coalesce(value -> 'qname' -> 'path' ->> -1, lower(replace(value ->> 'type', 'WINDOW_', ''))) as name,
            value -> 'children' as arguments,
            coalesce(value ->> '$.start', '') || ' ' || coalesce(value ->> '$.end', '') as frame,
            -- an order within the call goes before that of its window
            coalesce(
                value -> 'order_bys' -> 'orders', nullif(value -> 'arg_orders', '[]'), value -> 'orders'
            ) as orders,
            value ->> '$.partitions[*].alias' as partitions
        from tree
        -- what lies in function_data goes over the elements of a list, which have their order
        where (value ->> 'expression_class') in ('BOUND_AGGREGATE', 'BOUND_WINDOW')
        and not contains(fullkey, '.function_data')
    ),
    judged as (
        select
            *,
            name in {{ exact }}
            or (name in {{ exact_but_over_floats }}
                and (arguments ->> '$[0].return_type.id') not in ('FLOAT', 'DOUBLE')) as is_exact,
            name in {{ means }} and (arguments ->> '$[0].return_type.id') = 'DECIMAL' as is_mean,
            regexp_matches(name, '^(arg_?(min|max)|min_by|max_by)') as picks_by_argument,
            coalesce(json_array_length(orders) > 1, false)
            or coalesce(list_contains(orders ->> '$[*].expression.alias', 'event_id'), false)
            or coalesce(is_window and list_contains(partitions, 'event_id'), false)
            or coalesce(not is_window and (orders -> '$[0].expression') = (arguments -> 0), false) as is_total,
            coalesce(json_array_length(arguments -> '$[1].return_type.type_info.child_types') > 1, false)
            or coalesce((arguments ->> '$[1].alias') = 'event_id', false)
            or coalesce((arguments -> 0) = (arguments -> 1), false) as argument_is_total
        from call
        -- the planner's own, around a subquery that has one row
        where not (
            name = 'first' and (arguments ->> '$[0].expression_class') = 'BOUND_REF'
            and (arguments ->> '$[0].alias') is null)
    )
    select 'unbound' as problem, value ->> 'error_message' as name
    from tree
    where fullkey = '$' and (value ->> 'error') = 'true'
    union all
    select
        case
            when is_mean then 'mean'
            when picks_by_argument then 'arg'
            when is_window then 'window'
            when name not in {{ picks }} and (arguments ->> '$[*].return_type.id') && ['FLOAT', 'DOUBLE'] then 'float'
            else 'aggregate'
        end,
        case
            when not is_mean then name
            when regexp_full_match(arguments ->> '$[0].alias', '[A-Za-z_][A-Za-z0-9_]*') then arguments ->> '$[0].alias'
            else 'x'
        end
    from judged
    where
        is_mean
        or case when picks_by_argument then not argument_is_total else not (is_exact or is_total) end
        -- a frame of rows ends anywhere among those that tie
        or (is_window and contains(frame, '_ROWS') and not is_total)
    union all
    select
        'rows',
        case value ->> 'type'
            when 'LOGICAL_DISTINCT' then 'distinct on'
            when 'LOGICAL_LIMIT' then 'limit'
            when 'LOGICAL_ASOF_JOIN' then 'asof join'
            else 'positional join'
        end
    from tree
    where
        (value ->> 'type') in ('LOGICAL_LIMIT', 'LOGICAL_ASOF_JOIN', 'LOGICAL_POSITIONAL_JOIN')
        or ((value ->> 'type') = 'LOGICAL_DISTINCT' and (value ->> 'distinct_type') = 'DISTINCT_ON')
{% endmacro %}
