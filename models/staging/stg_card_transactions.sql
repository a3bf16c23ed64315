select
    transaction_id as event_id,
    transacted_at as occurred_at,
    loaded_at as known_at,

    -- the entity
    card_id,

    -- the measure
    amount
from {{ ref('raw_card_transactions') }}
