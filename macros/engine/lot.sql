{# An order by lot: of any rows with the same columns the same for the same seed, and unlike any other order. #}
{% macro lot(columns, seed) %}{{ return(adapter.dispatch('lot', 'asof')(columns, seed)) }}{% endmacro %}

{% macro default__lot(columns, seed) %}md5(concat_ws('|', {{ columns | join(', ') }}, '{{ seed }}')){% endmacro %}

{% macro duckdb__lot(columns, seed) %}hash({{ columns | join(', ') }}, '{{ seed }}'){% endmacro %}
