{#
  What the columns of some rows look like, measured now: {column: {rows, nulls, min, max, mean, stddev, quantiles, bins,
  histogram, top}}, each as asof_profiles says. rows: the name of a relation, or a SELECT in brackets.
  known: see asof.profile_sql.
#}
{% macro profile_of(rows, columns, known={}) %}
    {%- set subject = {'kind': 'rows', 'subject': '', 'rows': rows, 'details': none, 'known': known,
        'columns': asof.profiled_columns(columns, asof.hidden_columns())} -%}
    {%- set measures = {'rows': 'rows', 'nulls': 'nulls', 'min': 'minimum', 'max': 'maximum', 'mean': 'mean',
        'stddev': 'stddev', 'quantiles': 'quantiles', 'bins': 'bins', 'histogram': 'histogram', 'top': 'top'} -%}
    {%- set sql %}
        select column_name, {{ asof.json_object(measures) }}
        from (
            {{ asof.profile_sql([subject], invocation_id, asof.now()) }}
        ) as measured
        where column_name <> ''
        order by column_name
    {%- endset -%}
    {%- set found = {} -%}
    {%- for name, measured in run_query(sql).rows -%}
        {%- set profile = fromjson(measured) -%}
        {%- do profile.update({'top': fromjson(profile.top) if profile.top else none}) -%}
        {%- do found.update({name: profile}) -%}
    {%- endfor -%}
    {{- return(found) -}}
{% endmacro %}

{# What the columns of the groups looked like in a run: {group: {column: {rows, nulls, min, max, mean}}}. #}
{% macro profiles_in_manifest(run_id) %}
    {%- set sql %}
        select subject, column_name, rows, nulls, minimum, maximum, mean
        from {{ asof.registry('profiles') }}
        where kind = 'group' and column_name <> '' and run_id = {{ asof.literal(run_id) }}
    {%- endset -%}
    {%- set found = {} -%}
    {%- for group, column, rows, nulls, least, greatest, mean in run_query(sql).rows -%}
        {%- do found.setdefault(group, {}).update({column: {'rows': rows | int, 'nulls': nulls | int, 'min': least,
            'max': greatest, 'mean': mean | float if mean is not none else none}}) -%}
    {%- endfor -%}
    {{- return(found) -}}
{% endmacro %}
