-- {{ service.name }}@{{ service.version }}, as it was served ({{ service.definition }}),
-- over what get_historical_features returns for the feature service {{ service | name }}: a relation `feast`, with
-- row_id, event_timestamp (when it was asked), the keys and the request columns from the entity rows.
with asof_looked_up as (
    select
    {% for name, sql in looked_up.items() %}
        {{ sql }} as {{ name }}{{ "," if not loop.last }}
    {% endfor %}
    from feast
    where
        -- where there was nothing to answer from, there is no row
        true
    {% for each in service | lookups(groups) %}
        and event_timestamp >= timestamptz '{{ each.group.data.served_since }}'
        and coalesce({{ each.status }}, '') <> 'NO_SNAPSHOT'
    {% endfor %}
),
answer as (
{{ service.sql }}
)
select * from answer
