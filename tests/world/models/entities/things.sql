-- a life begins at the first version known after the departure before it
with version as (
    select thing.thing_id, thing.known_at, count(distinct departure.known_at) as life
    from {{ ref('stg_things') }} as thing
    left join {{ ref('stg_departures') }} as departure
        on departure.thing_id = thing.thing_id and departure.known_at <= thing.known_at
    group by thing.thing_id, thing.known_at
), begun as (
    select thing_id, min(known_at) as first_seen_at
    from version
    group by thing_id, life
)
select begun.thing_id, begun.first_seen_at, min(departure.known_at) as gone_at
from begun
left join {{ ref('stg_departures') }} as departure
    on departure.thing_id = begun.thing_id and departure.known_at > begun.first_seen_at
group by begun.thing_id, begun.first_seen_at
