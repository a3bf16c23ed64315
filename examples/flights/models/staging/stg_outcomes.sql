-- How each flight ended, arrived or not. A flight that never arrived is certain to be late 16 minutes after its
-- scheduled arrival, so after its scheduled departure too: when it was cancelled the source does not say.
select
    flight_id as event_id,
    outcome_known_at as occurred_at,
    outcome_known_at as known_at,
    carrier,
    origin,
    dest,
    is_late
from {{ ref('flights') }}
