{#
  Whether a value in a line is null, or one that the API takes for the column's type. value: as json_values reads it.
  (A request that was logged under an older definition may hold another type.)
#}
{% macro json_is_taken(line, member, column, value) %}
    {{- return(adapter.dispatch('json_is_taken', 'asof')(line, member, column, value)) -}}
{% endmacro %}

{% macro duckdb__json_is_taken(line, member, column, value) -%}
    {%- set type, path = column.type, '$.' ~ member ~ '."' ~ column.name ~ '"' -%}
    {%- set kinds = "'" ~ asof.duckdb_json_kinds(type, is_sent=true) | join("', '") ~ "'" -%}
    {%- set kind = 'json_type(' ~ line ~ ", '" ~ path ~ "')" -%}
    (
        coalesce({{ kind }}, 'NULL') = 'NULL'
        or (
            {{ value }} is not null
            {%- if '[' in type %}
            and {{ kind }} = 'ARRAY' and list_has_all([{{ kinds }}], json_type({{ line }}, '{{ path }}[*]'))
            and len({{ value }}) = len(list_filter({{ value }}, lambda asof_item: asof_item is not null))
            {%- else %}
            and {{ kind }} in ({{ kinds }})
            {%- if modules.re.match('^(dec|num)', type) %}
            -- never rounded
            and try_cast({{ line }} ->> '{{ path }}' as double) = cast({{ value }} as double)
            {%- elif type == 'date' or type.startswith('timestamp') %}
            {%- set spelled = '\\d{4}-\\d\\d-\\d\\d' ~ ('' if type == 'date' else 'T.*(Z|[+-]\\d\\d:\\d\\d)') %}
            and regexp_full_match({{ line }} ->> '{{ path }}', '{{ spelled }}')
            {%- endif %}
            {%- endif %}
        )
    )
{%- endmacro %}
