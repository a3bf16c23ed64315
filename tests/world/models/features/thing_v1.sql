select
    point.thing_id,
    point.as_of,
    attribute.place_id,
    attribute.color,
    count(event.event_id) as events_lifetime,
    count(event.event_id) filter (where {{ asof.within('event', '30 days') }}) as events_30d,
    cast(sum(event.amount) as decimal(12, 2)) as amount_total,
    max(event.occurred_at) as last_event_at
from {{ asof.points(ref('things')) }} as point
{{ asof.left_join_last_known(ref('stg_things'), as='attribute', on='thing_id') }}
{{ asof.left_join_known(ref('stg_events'), as='event', on='thing_id', corrected=true) }}
group by 1, 2, 3, 4
