{#
  A relation as points and the joins of a feature group read it: behind a mark, by which check_parsed_sql knows that it
  is they who read it. They keep out what was not known; a group reads nothing past them. (Definitions are compared
  without comments.)
#}
{% macro read_by_macro(relation) -%}
    {{ asof.read_mark() }} {{ relation }}
{%- endmacro %}

{% macro read_mark() %}{{ return('/* asof */') }}{% endmacro %}

{# How often a compiled text reads a relation behind the mark; under --empty dbt writes it as a subquery. #}
{% macro marked_reads(sql, relation) %}
    {%- set mark = asof.read_mark() ~ ' ' -%}
    {{- return(sql.count(mark ~ relation) + sql.count(mark ~ '(select * from ' ~ relation)) -}}
{% endmacro %}
