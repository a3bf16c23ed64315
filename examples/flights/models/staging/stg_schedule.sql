-- A flight, its aircraft included, as it stood in the schedule. Since when, the source does not say: a day before is
-- assumed.
select
    flight_id as event_id,
    scheduled_departure_at - interval '24 hours' as occurred_at,
    scheduled_departure_at - interval '24 hours' as known_at,
    flight_date,
    scheduled_departure_at,
    scheduled_hour,
    distance_miles,
    origin,
    carrier,
    dest,
    tailnum
from {{ ref('flights') }}
