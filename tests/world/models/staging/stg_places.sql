select place_id || ' ' || {{ asof.time_text('occurred_at') }} as event_id, occurred_at, known_at, place_id, size
from {{ source('raw', 'places') }}
