select thing_id || ' ' || cast(occurred_at as varchar) as event_id, occurred_at, known_at, thing_id, place_id, color
from {{ source('raw', 'things') }}
