{#
  The text that training and the shim share: nulled_sql makes a service's rows out of what was looked up, answer_sql
  adds the row's status to what the service returns. Statuses, ranges and rejection stand here and nowhere else.
#}

{# `select ... from asof_looked_up`: each lookup's status, and its stored features, null unless that is OK. #}
{% macro nulled_sql(spec, also=[]) %}
    select
        row_id,
        {% for key in spec['keys'] %}{{ key.name }}, {% endfor %}
        {%- for column in spec.request %}
        {{ asof.unsigned_zero(column.name, column.type) }} as {{ column.name }},
        {%- endfor %}
        prediction_time
        {%- for lookup in spec.groups %},
        asof_status_{{ lookup.name }} as {{ lookup.name }}_status
        {%- for feature in lookup.features %},
        case when asof_status_{{ lookup.name }} = 'OK' then {{ asof.unsigned_zero(feature.name, feature.type) }} end
            as {{ feature.name }}
        {%- endfor %}
        {%- endfor %}
        {%- for column in also %},
        {{ column }}
        {%- endfor %}
    from (
        select
            *
            {%- for lookup in spec.groups %},
            {{ asof.group_status(lookup.name) }} as asof_status_{{ lookup.name }}
            {%- endfor %}
        from asof_looked_up
    ) as asof_looked_up
{% endmacro %}

{#
  NOT_FOUND without a row or with a tombstone, STALE if the moment is older than max_age at prediction_time, else OK.
  alias: of the lookup.
#}
{% macro group_status(alias) -%}
    case
                when not asof_found_{{ alias }} then 'NOT_FOUND'
                when prediction_time > asof_as_of_{{ alias }} + asof_max_age_seconds_{{ alias }} * interval '1 second'
                    then 'STALE'
                else 'OK'
            end
{%- endmacro %}
