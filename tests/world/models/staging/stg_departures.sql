select thing_id || ' ' || {{ asof.time_text('occurred_at') }} as event_id, occurred_at, known_at, thing_id
from {{ source('raw', 'departures') }}
