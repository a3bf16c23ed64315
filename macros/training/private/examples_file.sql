{# The examples model of a service, built. #}
{% macro examples_table(spec) %}
    {%- set relation = asof.relation_of(spec.examples_node) -%}
    {%- if load_relation(relation) is none -%}
        {{- asof.refuse('the examples model ' ~ spec.examples_node.name ~ ' was never built in this warehouse: run '
            ~ '`dbt build`.') -}}
    {%- endif -%}
    {{- return(relation) -}}
{% endmacro %}

{# The rows of an examples file, as a subquery. #}
{% macro examples_file(path) %}
    {%- if '*' in path or not asof.file_exists(path) -%}
        {{- asof.refuse('there is no file ' ~ path ~ ' to take examples from.') -}}
    {%- endif -%}
    {%- set rows = asof.file_rows(path) -%}
    {%- if rows is none -%}
        {{- asof.refuse('examples come as Parquet (.parquet) or as CSV with a header (.csv), not as ' ~ path ~ '.') -}}
    {%- endif -%}
    {{- return(rows) -}}
{% endmacro %}
