{#
  One row per row_id: status, the columns that rejected it, each lookup's status, the features (none where
  rejected).
#}
{% macro answer_sql(spec, service, rows) %}
    {%- set statuses = [] -%}
    {%- for lookup in spec.groups -%}{%- do statuses.append('asof_status_' ~ lookup.name) -%}{%- endfor %}
    select
        row_id,
        case
            when asof_rejected_columns is not null then 'REJECTED'
            when {{ statuses[0] }} = 'NOT_FOUND' then 'NOT_FOUND'
            when 'STALE' in ({{ statuses | join(', ') }}) then 'STALE'
            {%- if statuses | length > 1 %}
            when 'NOT_FOUND' in ({{ statuses[1:] | join(', ') }}) then 'PARTIAL'
            {%- endif %}
            else 'OK'
        end as status,
        asof_rejected_columns as rejected_columns
        {%- for lookup in spec.groups %},
        asof_status_{{ lookup.name }} as {{ lookup.name }}_status
        {%- endfor %}
        {%- for feature in spec.features %},
        case when asof_rejected_columns is null then {{ asof.answered_value(feature) }} end as {{ feature.name }}
        {%- endfor %}
    from (
        select
            *,
            {{ asof.rejected_columns(spec.features) }} as asof_rejected_columns
        from (
            select
                asof_service.row_id
                {%- for feature in spec.features %},
                {{ asof.returned_value(feature, 'asof_service.' ~ feature.name) }} as {{ feature.name }}
                {%- endfor %}
                {%- for lookup in spec.groups %},
                asof_rows.{{ lookup.name }}_status as asof_status_{{ lookup.name }}
                {%- endfor %}
            from {{ service }} as asof_service
            inner join {{ rows }} as asof_rows on asof_service.row_id = asof_rows.row_id
        ) as asof_returned
    ) as asof_judged
{% endmacro %}

{# What is answered of a column that a service returns: never NaN, an infinity or -0.0. #}
{% macro answered_value(feature) %}
    {{- return(asof.unsigned_zero(asof.finite(feature.name, feature.type), feature.type)) -}}
{% endmacro %}

{# What a service returns in a column; null where that lies outside its declared range and the YAML says so. #}
{% macro returned_value(feature, expression) %}
    {%- set outside = asof.outside_range(feature, expression) -%}
    {%- if outside and asof.is_null_outside(feature) -%}
        {{- return('case when not ' ~ outside ~ ' then ' ~ expression ~ ' end') -}}
    {%- endif -%}
    {{- return(expression) -}}
{% endmacro %}

{#
  The names of the columns for which a row is rejected, with commas, as a SQL expression; null where there is none. A
  column rejects where it lies outside its declared range, and where it is null, NaN or infinite and says `missing:
  reject`.
#}
{% macro rejected_columns(features) %}
    {%- set rejecting = [] -%}
    {%- for feature in features -%}
        {%- set reasons = [] -%}
        {%- if feature.meta.get('missing') == 'reject' -%}
            {%- do reasons.append(asof.finite(feature.name, feature.type) ~ ' is null') -%}
        {%- endif -%}
        {%- set outside = asof.outside_range(feature, feature.name) -%}
        {%- if outside and not asof.is_null_outside(feature) -%}{%- do reasons.append(outside) -%}{%- endif -%}
        {%- if reasons -%}
            {%- do rejecting.append('case when ' ~ reasons | join(' or ') ~ " then '" ~ feature.name ~ "' end") -%}
        {%- endif -%}
    {%- endfor -%}
    {{- return("nullif(concat_ws(',', " ~ rejecting | join(', ') ~ "), '')" if rejecting
        else 'cast(null as varchar)') -}}
{% endmacro %}
