-- An arrival is known when the flight landed.
select
    flight_id as event_id,
    landed_at as occurred_at,
    landed_at as known_at,
    tailnum,
    dest,
    arr_delay
from {{ ref('flights') }}
where landed_at is not null
