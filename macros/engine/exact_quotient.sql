{#
  total / count, rounded to `scale` digits half away from zero: decimal(18, scale). total: a decimal or integer
  expression, null where count is 0, as a sum is; count: an integer one, at least 0. Null where total is; DuckDB fails
  for any other total over 0. In whole numbers, so that nothing is rounded on the way.
#}
{% macro exact_quotient(total, count, scale) %}
    {{- return(adapter.dispatch('exact_quotient', 'asof')(total, count, scale)) -}}
{% endmacro %}

{#
  Half away from zero is floor(|total| * 10^scale / count + 1/2), and that is (floor(2 * |total| * 10^scale) +
  count) // (2 * count).
#}
{% macro duckdb__exact_quotient(total, count, scale) -%}
    cast(
        case when {{ total }} < 0 then -1 else 1 end
        * (
            (cast(floor(2 * abs({{ total }}) * cast(1{{ '0' * scale }} as decimal({{ scale + 1 }}, 0))) as hugeint)
                + {{ count }})
            // (2 * {{ count }})
        )
        * cast({{ '0.' ~ '0' * (scale - 1) if scale }}1 as decimal({{ [scale, 1] | max }}, {{ scale }}))
        as decimal(18, {{ scale }})
    )
{%- endmacro %}
