select place_id || ' ' || cast(occurred_at as varchar) as event_id, occurred_at, known_at, place_id, size
from {{ source('raw', 'places') }}
