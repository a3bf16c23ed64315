{# `dbt run-operation configuration_tables`: prints the schema as the tables of docs/configuration.md. #}
{% macro configuration_tables() %}
    {%- set known = asof.configuration() -%}
    {%- set tables %}
| key | in the meta of | value | meaning |
|---|---|---|---|
{%- for each in known.meta %}
| `{{ each.key }}` | {{ asof.roles_in_words(each.of) }} | {{ asof.expected_value(each.type) }} | {{ each.means }} |
{%- endfor %}

| key | in the meta of columns of | value | meaning |
|---|---|---|---|
{%- for each in known.columns %}
| `{{ each.key }}` | {{ asof.roles_in_words(each.of) }} | {{ asof.expected_value(each.type) }} | {{ each.means }} |
{%- endfor %}

| var | value | meaning |
|---|---|---|
{%- for each in known.vars %}
| `{{ each.key }}` | {{ asof.expected_value(each.type) }} | {{ each.means }} |
{%- endfor %}
    {%- endset -%}
    {%- do print(tables) -%}
{% endmacro %}
