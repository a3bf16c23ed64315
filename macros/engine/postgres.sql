{#
  PostgreSQL: what differs of the SQL in which groups, entities and examples are written. It ends at the hand-over, so
  nothing of the records is here.
#}

{# Numeric has any number of digits and rounds half away from zero. #}
{% macro postgres__exact_quotient(total, count, scale) -%}
    cast(round(cast({{ total }} as numeric) / nullif({{ count }}, 0), {{ scale }}) as decimal(18, {{ scale }}))
{%- endmacro %}

{#
  Text must be ordered as in DuckDB, by bytes: ties between events end by their ids, and min(), max() and comparisons of
  texts go by order too. Looked at by what the database does, since names of collations differ by provider and release.
#}
{% macro postgres__check_session() %}
    {%- do asof.default__check_session() -%}
    {%- set sql -%}
        select
            array_agg(value order by value) = array_agg(value order by value collate "C"),
            current_database()
        from unnest(array['a', 'B', 'b-a', 'ba', '_', '1', 'z', 'é', 'ｱ', '😀']) as value
    {%- endset -%}
    {%- set row = run_query(sql).rows[0] -%}
    {%- if not row[0] -%}
        {{- asof.refuse('the database ' ~ row[1] ~ ' orders text by the rules of a language, and DuckDB by bytes, so '
            ~ 'events of the same time would be taken in another order. A database cannot change its collation: '
            ~ "write `create database " ~ row[1] ~ "_by_bytes template template0 encoding 'UTF8' "
            ~ "locale_provider builtin locale 'C.UTF-8'` (before PostgreSQL 17: `locale 'C'` in place of the last "
            ~ 'two), load the sources into it, and name it in profiles.yml.') -}}
    {%- endif -%}
{% endmacro %}
