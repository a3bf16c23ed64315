{# The texts of a group, joined in order. #}
{% macro joined_text(text, order) %}{{ return(adapter.dispatch('joined_text', 'asof')(text, order)) }}{% endmacro %}

{% macro default__joined_text(text, order) -%} string_agg({{ text }}, '; ' order by {{ order }}) {%- endmacro %}
