select
    delivery_id as event_id,
    delivered_at as occurred_at,
    loaded_at as known_at,

    -- the entity
    order_id
from {{ ref('raw_deliveries') }}
