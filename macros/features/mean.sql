{#
  The mean of decimals or integers: exact, and rounded to `scale` digits half away from zero, as PostgreSQL and Spark
  round. decimal(18, scale); null where there are no values. (`avg` over decimals is a double in DuckDB, which rounds
  1.005 down.)

      {{ "{{ asof.mean('purchase.amount', 2) }}" }} as mean_amount
      {{ "{{ asof.mean('purchase.amount', 2, where=asof.within('purchase', '90 days')) }}" }} as mean_amount_90d

  x: a SQL expression. where: the condition that would stand in `filter (where ...)`. over: a window, parentheses
  included. Errors: a scale that is no whole number from 0 to 18.
#}
{% macro mean(x, scale, where=none, over=none) -%}
    {%- if scale not in range(19) -%}
        {{- asof.refuse('asof.mean(' ~ x ~ ', ' ~ scale ~ '): the scale is the number of digits after the point, '
            ~ 'from 0 to 18, as in asof.mean(' ~ x ~ ', 2).') -}}
    {%- endif -%}
    {%- set calls = ('' if where is none else ' filter (where ' ~ where ~ ')') ~ ('' if over is none else ' over '
        ~ over) -%}
    {{- asof.exact_quotient('sum(' ~ x ~ ')' ~ calls, 'count(' ~ x ~ ')' ~ calls, scale) -}}
{%- endmacro %}
