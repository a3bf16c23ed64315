{# A column as its declared type; null where it cannot be that. #}
{% macro try_cast(column, type) %}{{ return(adapter.dispatch('try_cast', 'asof')(column, type)) }}{% endmacro %}

{% macro duckdb__try_cast(column, type) -%} try_cast({{ column }} as {{ type }}) {%- endmacro %}

{#
  Whether a value that is there would not be itself as its declared type, as the API, which refuses it, sees it: no
  such value, or one that would have to be rounded. given, declared: types. And a reason why no value can: {never:
  text}, else none.
#}
{% macro is_another_as(column, given, declared) %}
    {{- return(adapter.dispatch('is_another_as', 'asof')(column, given, declared)) -}}
{% endmacro %}

{% macro duckdb__is_another_as(column, given, declared) %}
    {%- set cast_ = asof.try_cast(column, declared) -%}
    {%- set lost = '(' ~ column ~ ' is not null and ' ~ cast_ ~ ' is null' -%}
    {%- set is_text = given == 'varchar' or given.startswith('enum') -%}
    {%- if declared.startswith('timestamp') and is_text -%}
        {%- set lost = lost ~ ' or not regexp_full_match(cast(' ~ column ~ " as varchar), '\\d{4}-\\d\\d-\\d\\d([T "
            ~ "].*(Z|[+-]\\d\\d(:?\\d\\d)?))?')" -%}
    {%- elif modules.re.match('^(tinyint|smallint|integer|bigint|decimal)', declared)
        and not declared.endswith('[]') -%}
        {%- set finest = asof.finest_decimal(declared if declared.startswith('decimal') else 'decimal(20,0)') -%}
        {%- set lost = lost ~ ' or ' ~ cast_ ~ ' <> ' ~ (asof.try_cast(column, finest) if is_text else column) -%}
        {%- if is_text and finest == declared -%}
            {#- there is no finer one: by its digits -#}
            {%- set scale = declared.split(',')[1] | replace(')', '') -%}
            {%- set lost = lost ~ ' or regexp_matches(cast(' ~ column ~ " as varchar), '[.][0-9]{" ~ scale
                ~ "}0*[1-9]|[eE]')" -%}
        {%- endif -%}
    {%- elif declared.startswith('bool') and not is_text -%}
        {%- set lost = lost ~ ' or cast(' ~ cast_ ~ ' as ' ~ given ~ ') <> ' ~ column -%}
    {%- endif -%}
    {{- return(lost ~ ')') -}}
{% endmacro %}

{# Why a column of a given type is never taken for one of the declared type, or none. #}
{% macro never_as(given, declared) %}{{ return(adapter.dispatch('never_as', 'asof')(given, declared)) }}{% endmacro %}

{% macro duckdb__never_as(given, declared) %}
    {%- if declared.startswith('timestamp') and given.startswith('timestamp') and 'with time zone' not in given -%}
        {{- return('its times have no zone; say which they are in, as in df[name].dt.tz_localize("UTC")') -}}
    {%- elif declared.startswith(('varchar', 'text', 'string')) and given != 'varchar'
        and not given.startswith(('enum', '"null"', 'null')) -%}
        {{- return('write it as text') -}}
    {%- endif -%}
    {{- return(none) -}}
{% endmacro %}
