-- a life begins at the first version known after the departure before it
with version as (
    select thing.thing_id, thing.known_at, (
        select count(*) from {{ ref('stg_departures') }} as departure
        where departure.thing_id = thing.thing_id and departure.known_at <= thing.known_at
    ) as life
    from {{ ref('stg_things') }} as thing
)
select version.thing_id, min(version.known_at) as first_seen_at, (
        select min(departure.known_at) from {{ ref('stg_departures') }} as departure
        where departure.thing_id = version.thing_id and departure.known_at > min(version.known_at)
    ) as gone_at
from version
group by version.thing_id, version.life
