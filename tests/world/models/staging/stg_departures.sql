select thing_id || ' ' || cast(occurred_at as varchar) as event_id, occurred_at, known_at, thing_id
from {{ source('raw', 'departures') }}
