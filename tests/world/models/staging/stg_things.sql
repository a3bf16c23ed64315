select thing_id || ' ' || {{ asof.time_text('occurred_at') }} as event_id, occurred_at, known_at, thing_id, place_id, color
from {{ source('raw', 'things') }}
