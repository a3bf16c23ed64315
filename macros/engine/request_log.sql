{#
  The request log as the warehouse reads it. A row is kept as its line, since numbers are read exactly from the text only:
  what has once been JSON to the engine has its decimals as doubles. `member` is one of the line's: request, features, ...
#}

{# The rows of the shim's request log. A last line that a kill tore is passed over. #}
{% macro request_log(folder) %}{{ return(adapter.dispatch('request_log', 'asof')(folder)) }}{% endmacro %}
{% macro duckdb__request_log(folder) -%}
    (
        select
            json ->> '$.request_id' as request_id,
            try_cast(json ->> '$.row' as integer) as row_number,
            try_cast(json ->> '$.logged_at' as timestamptz) as logged_at,
            (json ->> '$.service') || '@' || (json ->> '$.version') as service_id,
            json ->> '$.definition' as definition,
            json ->> '$.snapshot_id' as snapshot_id,
            try_cast(json ->> '$.sequence_number' as bigint) as sequence_number,
            try_cast(json ->> '$.prediction_time' as timestamptz) as prediction_time,
            json ->> '$.status' as status,
            cast(json as varchar) as line
        from read_ndjson_objects('{{ folder }}/*.jsonl', ignore_errors = true)
        where json ->> '$.request_id' is not null and json ->> '$.status' is not null
    )
{%- endmacro %}

{# Members of a line as a struct of structs; a value that is not of its column's type is null. members: {member: columns}. #}
{% macro json_values(line, members) %}{{ return(adapter.dispatch('json_values', 'asof')(line, members)) }}{% endmacro %}
{% macro duckdb__json_values(line, members) -%}
    {%- set structure = {} -%}
    {%- for member, columns in members.items() -%}
        {%- set types = {} -%}
        {%- for column in columns -%}
            {%- do types.update({column.name: [column.type[:-2]] if column.type.endswith('[]') else column.type}) -%}
        {%- endfor -%}
        {%- do structure.update({member: types}) -%}
    {%- endfor -%}
    from_json({{ line }}, '{{ tojson(structure) }}')
{%- endmacro %}

{# The kinds of JSON values, as the engine calls them, that an answer has for a type. is_sent: that a request may have. #}
{% macro duckdb_json_kinds(type, is_sent=false) %}
    {%- set integers = ['BIGINT', 'UBIGINT', 'HUGEINT'] -%}
    {%- if type.startswith(('bool', 'logical')) -%}{{- return(['BOOLEAN']) -}}
    {%- elif modules.re.match('^(dec|num)', type) -%}{{- return(integers + ['DOUBLE']) -}}
    {%- elif modules.re.match('^(double|float|real)', type) -%}{{- return((integers if is_sent else []) + ['DOUBLE']) -}}
    {%- elif 'int' in type or type.startswith(('short', 'long', 'signed')) -%}{{- return(integers) -}}
    {%- endif -%}
    {{- return(['VARCHAR']) -}}
{% endmacro %}

{#
  Whether a value in a line is null, or one that the API takes for the column's type. value: as json_values reads it. (A request
  that was logged under an older definition may hold another type.)
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

{# Whether a value is null or spelled as its declared type is: an integer is no 3.0, a decimal no text. #}
{% macro json_is_of_type(line, member, column) %}{{ return(adapter.dispatch('json_is_of_type', 'asof')(line, member, column)) }}{% endmacro %}
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

{# A value's text, without the quotes of a string. #}
{% macro json_text(line, member, name) %}{{ return(adapter.dispatch('json_text', 'asof')(line, member, name)) }}{% endmacro %}
{% macro duckdb__json_text(line, member, name) -%} ({{ line }} ->> '$.{{ member }}."{{ name }}"') {%- endmacro %}

{# A value as the line spells it, in a query that holds the line's values as asof_said. #}
{% macro json_spelling(line, member, column) %}{{ return(adapter.dispatch('json_spelling', 'asof')(line, member, column)) }}{% endmacro %}
{% macro duckdb__json_spelling(line, member, column) -%}
    {%- set spelling = 'cast((' ~ line ~ " -> '$." ~ member ~ '."' ~ column.name ~ "\"') as varchar)" -%}
    {#- a decimal of more digits than a double has: by its value, in so many digits as it needs -#}
    {%- if modules.re.match('^(dec|num)[^[]*$', column.type) -%}
    case
        when json_type({{ line }}, '$.{{ member }}."{{ column.name }}"') = 'DOUBLE' then rtrim(rtrim(cast(asof_said.{{ member }}.{{ column.name }} as varchar), '0'), '.')
        else {{ spelling }}
    end
    {%- else -%}{{ spelling }}{%- endif -%}
{%- endmacro %}

{# A list of texts as one text with commas; null where there is none. #}
{% macro json_list_text(line, member) %}{{ return(adapter.dispatch('json_list_text', 'asof')(line, member)) }}{% endmacro %}
{% macro duckdb__json_list_text(line, member) -%} array_to_string(cast(({{ line }} -> '$.{{ member }}') as varchar[]), ',') {%- endmacro %}

{# The texts of a group, joined in order. #}
{% macro joined_text(text, order) %}{{ return(adapter.dispatch('joined_text', 'asof')(text, order)) }}{% endmacro %}
{% macro default__joined_text(text, order) -%} string_agg({{ text }}, '; ' order by {{ order }}) {%- endmacro %}

{# A value's text as an answer shows it, without quotes: what the shim hashes of a personal one. #}
{% macro answer_text(value, type) %}{{ return(adapter.dispatch('answer_text', 'asof')(value, type)) }}{% endmacro %}
{% macro duckdb__answer_text(value, type) -%}
    {%- if type.startswith('timestamp') -%}
    strftime({{ value }}, '%Y-%m-%dT%H:%M:%S') || case when microsecond({{ value }}) % 1000000 = 0 then '' else strftime({{ value }}, '.%f') end || 'Z'
    {%- else -%}
    cast({{ value }} as varchar)
    {%- endif -%}
{%- endmacro %}

{# What the shim writes in place of a personal value of this text. The engine reads the secret from its file as it runs. #}
{% macro pseudonym(text, file) %}{{ return(adapter.dispatch('pseudonym', 'asof')(text, file)) }}{% endmacro %}
{% macro duckdb__pseudonym(text, file) -%}
    'sha256:' || sha256((select rtrim(content, chr(13) || chr(10)) from read_text('{{ file | replace("'", "''") }}')) || '|' || {{ text }})
{%- endmacro %}
