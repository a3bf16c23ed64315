{#
  The one statement of the types that a column may have, be it of a group, a service, a request or a label, and of
  those a key. The checks of the graph, those of built SQL and the data tests read it here; the manifest gives each
  column its canonical name. (The shim reads other spellings only in manifests of older versions.) What else decides
  by the name of a type: casts.sql, engine/json_values.sql, engine/types.sql. Of Python, serve/sqltypes.py says it.

  spellings: by canonical name what else a YAML or an engine may write. Beside these there are decimal(p,s) and a list
  of any one type (`varchar[]`). not_keys: what equality does not tell apart for sure; lists are no keys either.
  first_day, end: dates and times lie from the one to before the other, so infinity is none.
#}
{% macro column_types() %}
    {{- return({
        'spellings': {
            'varchar': ['text', 'string', 'char', 'bpchar', 'nvarchar', 'character varying'],
            'uuid': ['guid'],
            'boolean': ['bool', 'logical'],
            'tinyint': ['int1'],
            'smallint': ['int2', 'int16', 'short'],
            'integer': ['int', 'int4', 'int32', 'integral', 'signed'],
            'bigint': ['int8', 'int64', 'long', 'oid'],
            'float': ['float4', 'real'],
            'double': ['float8', 'double precision'],
            'date': [],
            'timestamptz': ['timestamp with time zone'],
        },
        'decimal': {'spellings': ['decimal', 'numeric', 'dec'], 'digits': 38},
        'not_keys': ['float', 'double'],
        'first_day': '0001-01-01',
        'end': '10000-01-01',
    }) -}}
{% endmacro %}

{#
  A decimal, or list of them, with as many digits after the point as leave room for those before it; another type
  as it is.
#}
{% macro finest_decimal(type) %}
    {%- set match = modules.re.match('^decimal\((\d+),(\d+)\)', type) -%}
    {%- if not match -%}{{- return(type) -}}{%- endif -%}
    {%- set digits = asof.column_types().decimal.digits -%}
    {{- return('decimal(' ~ digits ~ ',' ~ (digits - (match.group(1) | int) + (match.group(2) | int)) ~ ')'
        ~ type[match.end():]) -}}
{% endmacro %}

{# The types, in words. #}
{% macro types_in_words() %}
    {{- return('The types are ' ~ asof.column_types().spellings.keys() | join(', ') ~ ', decimal(p,s) of up to 38 '
        ~ 'digits, and lists of one of these') -}}
{% endmacro %}
