{#
  A type as a YAML or an engine spells it: {name, is_key, cast, cast_type}. name: the canonical one, none where no
  column may have it. cast: what to write for an expression x where no column, or no key, may have it; cast_type: what
  that gives.
#}
{% macro parse_type(text) %}
    {%- set spelling = modules.re.sub('\s+', ' ', text | trim | lower) -%}
    {%- set inner = modules.re.sub(' ?\[\d*\]$', '', spelling) -%}
    {%- set name = asof.scalar_type(inner) -%}
    {%- if inner == spelling and name is not none -%}
        {{- return({'name': name, 'is_key': name not in asof.column_types().not_keys, 'cast': 'cast(x as bigint)',
            'cast_type': 'bigint'}) -}}
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
        {%- set is_one = match.group(1) in types.decimal.spellings and 1 <= digits <= types.decimal.digits
            and scale <= digits -%}
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
