{#
  `from left <this>`: joins, to each left row, the right row with the latest `right_time <= left_time` among those that
  meet `on`; nulls where there is none. The right side must be unique per (`on`, `right_time`): an as-of join picks
  any of several.

  right: a relation or CTE name. as: its alias. left_time, right_time: qualified columns. on: a list of conditions.
#}
{% macro asof_left_join(right, as, left_time, right_time, on=[]) %}
    {{- return(adapter.dispatch('asof_left_join', 'asof')(right, as, left_time, right_time, on)) -}}
{% endmacro %}

{% macro default__asof_left_join(right, as, left_time, right_time, on) -%}
    left join lateral (
        select *
        from {{ right }} as {{ as }}
        where {{ (on + [right_time ~ ' <= ' ~ left_time]) | join(' and ') }}
        order by {{ right_time }} desc
        limit 1
    ) as {{ as }} on true
{%- endmacro %}

{% macro duckdb__asof_left_join(right, as, left_time, right_time, on) -%}
    asof left join {{ right }} as {{ as }}
        on {{ (on + [left_time ~ ' >= ' ~ right_time]) | join(' and ') }}
{%- endmacro %}
