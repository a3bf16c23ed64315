select
    card_id as event_id,
    issued_at as occurred_at,
    loaded_at as known_at,

    -- the entity
    card_id
from {{ ref('raw_cards') }}
