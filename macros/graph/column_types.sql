{#
  The one statement of the types that a column may have, be it of a group, a service, a request or a label, and of those a
  key. The checks of the graph, those of built SQL and the data tests read it here; the manifest gives each column its
  canonical name, and the shim reads no other.

  spellings: by canonical name what else a YAML or an engine may write. Beside these there are decimal(p,s) and a list of
  any one type (`varchar[]`). not_keys: what equality does not tell apart for sure; lists are no keys either.
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
  What to write in place of other types: (pattern, the cast of an expression x, the type that it gives), the first that
  matches. Whatever no pattern matches is written as text.
#}
{% macro casts() %}
    {{- return([
        ('^(hugeint|int128|uinteger|uint32)$', 'cast(x as bigint)', 'bigint'),
        ('^(uhugeint|uint128|bignum|varint)$', 'cast(x as decimal(38,0))', 'decimal(38,0)'),
        ('^(ubigint|uint64)$', 'cast(x as decimal(20,0))', 'decimal(20,0)'),
        ('^(usmallint|uint16)$', 'cast(x as integer)', 'integer'),
        ('^(utinyint|uint8)$', 'cast(x as smallint)', 'smallint'),
        ('^(decimal|numeric|dec)\\b', 'cast(x as decimal(18,3))', 'decimal(18,3)'),
        ('^timestamptz_ns$', 'cast(x as timestamptz)', 'timestamptz'),
        ('^timestamp_(s|ms|ns)$', "cast(x as timestamp) at time zone 'UTC'", 'timestamptz'),
        ('^(timestamp|datetime)', "x at time zone 'UTC'", 'timestamptz'),
        ('^interval$', 'cast(epoch_us(x) as bigint)', 'bigint'),
        ('^(blob|bytea|binary|varbinary)$', 'to_base64(x)', 'varchar'),
        ('^(struct|row|map|union|tuple|variant)\\b|\\]', 'cast(to_json(x) as varchar)', 'varchar'),
        ('', 'cast(x as varchar)', 'varchar'),
    ]) -}}
{% endmacro %}

{#
  A type as a YAML or an engine spells it: {name, is_key, cast, cast_type}. name: the canonical one, none where no column may
  have it. cast: what to write for an expression x where no column, or no key, may have it; cast_type: what that gives.
#}
{% macro parse_type(text) %}
    {%- set spelling = modules.re.sub('\s+', ' ', text | trim | lower) -%}
    {%- set inner = modules.re.sub(' ?\[\d*\]$', '', spelling) -%}
    {%- set name = asof.scalar_type(inner) -%}
    {%- if inner == spelling and name is not none -%}
        {{- return({'name': name, 'is_key': name not in asof.column_types().not_keys, 'cast': 'cast(x as bigint)', 'cast_type': 'bigint'}) -}}
    {%- elif name is not none and spelling.endswith('[]') -%}
        {{- return({'name': name ~ '[]', 'is_key': false, 'cast': 'cast(x as varchar)', 'cast_type': 'varchar'}) -}}
    {%- elif name is not none -%}
        {{- return({'name': none, 'is_key': false, 'cast': 'cast(x as ' ~ name ~ '[])', 'cast_type': name ~ '[]'}) -}}
    {%- elif inner != spelling and not inner.endswith(']') -%}
        {%- set item = asof.parse_type(inner) -%}
        {%- set cast_ = 'list_transform(x, lambda item: ' ~ modules.re.sub('\\bx\\b', 'item', item.cast) ~ ')' -%}
        {{- return({'name': none, 'is_key': false, 'cast': cast_, 'cast_type': item.cast_type ~ '[]'}) -}}
    {%- endif -%}
    {%- for pattern, cast_, type in asof.casts() if modules.re.search(pattern, spelling) -%}
        {{- return({'name': none, 'is_key': false, 'cast': cast_, 'cast_type': type}) -}}
    {%- endfor -%}
{% endmacro %}

{# The canonical name of a type that is no list, or none. #}
{% macro scalar_type(spelling) %}
    {%- set types = asof.column_types() -%}
    {%- set match = modules.re.match('^([a-z_ ]+?) ?\( ?(\d+) ?, ?(\d+) ?\)$', spelling) -%}
    {%- if match -%}
        {%- set digits, scale = match.group(2) | int, match.group(3) | int -%}
        {%- set is_one = match.group(1) in types.decimal.spellings and 1 <= digits <= types.decimal.digits and scale <= digits -%}
        {{- return('decimal(' ~ digits ~ ',' ~ scale ~ ')' if is_one else none) -}}
    {%- endif -%}
    {#- a length of text, which engines read over -#}
    {%- set text = modules.re.match('^([a-z ]+?) ?\(\d+\)$', spelling) -%}
    {%- for name, others in types.spellings.items() -%}
        {%- if spelling in [name] + others or (text and name == 'varchar' and text.group(1) in [name] + others) -%}
            {{- return(name) -}}
        {%- endif -%}
    {%- endfor -%}
    {{- return(none) -}}
{% endmacro %}

{# The types, in words. #}
{% macro types_in_words() %}
    {{- return('The types are ' ~ asof.column_types().spellings.keys() | join(', ') ~ ', decimal(p,s) of up to 38 digits, and lists of one of these') -}}
{% endmacro %}
