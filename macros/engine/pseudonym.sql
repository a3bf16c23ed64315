{#
  What the shim writes in place of a personal value of this text. The engine reads the secret from its file as it
  runs.
#}
{% macro pseudonym(text, file) %}{{ return(adapter.dispatch('pseudonym', 'asof')(text, file)) }}{% endmacro %}

{% macro duckdb__pseudonym(text, file) -%}
    'sha256:' || sha256(
        (select rtrim(content, chr(13) || chr(10)) from read_text('{{ file | replace("'", "''") }}'))
        || '|' || {{ text }}
    )
{%- endmacro %}
