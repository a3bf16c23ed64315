{% macro default__first_by(x, by) -%} (array_agg({{ x }} order by {{ by | join(', ') }}))[1] {%- endmacro %}

{% macro duckdb__first_by(x, by) -%} arg_min_null({{ x }}, ({{ by | join(', ') }})) {%- endmacro %}
