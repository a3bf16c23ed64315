select event_id, occurred_at, known_at, thing_id, amount, is_retracted
from {{ source('raw', 'events') }}
