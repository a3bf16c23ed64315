{#
  A value with 0.0 in place of -0.0, where its type is a float or a list of floats; any other as it is. The two are
  equal to every comparison, so that joins, aggregates and copies keep either sign (an as-of join drops that of a
  32-bit float), yet 1/x and a cast to text tell them apart. So there is only one of them in what is recorded, looked
  up, sent along and answered.
#}
{% macro unsigned_zero(expression, type) %}
    {{- return(adapter.dispatch('unsigned_zero', 'asof')(expression, type)) -}}
{% endmacro %}

{# -0.0 + 0 is 0.0, and any other float plus 0 is itself, NaN and infinities too (IEEE 754). #}
{% macro duckdb__unsigned_zero(expression, type) %}
    {%- if type in ['float[]', 'double[]'] -%}
        {{- return('list_transform(' ~ expression ~ ', lambda asof_item: asof_item + 0)') -}}
    {%- endif -%}
    {{- return(expression ~ ' + 0' if type in ['float', 'double'] else expression) -}}
{% endmacro %}
