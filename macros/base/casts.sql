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
