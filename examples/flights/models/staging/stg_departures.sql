-- A departure is known when the flight left.
select
    flight_id as event_id,
    departed_at as occurred_at,
    departed_at as known_at,
    tailnum,
    origin,
    dest,
    carrier,
    dep_delay > 15 as is_late
from {{ ref('flights') }}
where departed_at is not null
