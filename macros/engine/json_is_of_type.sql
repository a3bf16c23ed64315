{# Whether a value is null or spelled as its declared type is: an integer is no 3.0, a decimal no text. #}
{% macro json_is_of_type(line, member, column) %}
    {{- return(adapter.dispatch('json_is_of_type', 'asof')(line, member, column)) -}}
{% endmacro %}

{% macro duckdb__json_is_of_type(line, member, column) -%}
    {%- set type, path = column.type, '$.' ~ member ~ '."' ~ column.name ~ '"' -%}
    {%- set spelled = none -%}
    {%- if type == 'date' -%}
        {%- set spelled = '\\d{4}-\\d\\d-\\d\\d' -%}
    {%- elif type.startswith('timestamp') and '[' not in type -%}
        {%- set spelled = '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d{6})?Z' -%}
    {%- endif -%}
    {%- set kinds = "'" ~ (['NULL'] + asof.duckdb_json_kinds(type)) | join("', '") ~ "'" -%}
    (
        {%- if '[' in type %}
        coalesce(json_type({{ line }}, '{{ path }}') in ('NULL', 'ARRAY'), {{ line }} ->> '$.{{ member }}' is null)
        and list_has_all([{{ kinds }}], coalesce(json_type({{ line }}, '{{ path }}[*]'), []))
        {%- else %}
        coalesce(json_type({{ line }}, '{{ path }}') in ({{ kinds }}), {{ line }} ->> '$.{{ member }}' is null)
        {%- if spelled %}
        and coalesce(regexp_full_match({{ line }} ->> '{{ path }}', '{{ spelled }}'), true)
        {%- endif %}
        {%- endif %}
    )
{%- endmacro %}
