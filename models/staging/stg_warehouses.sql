select
    warehouse_id as event_id,
    opened_at as occurred_at,
    loaded_at as known_at,

    -- the entity
    warehouse_id
from {{ ref('raw_warehouses') }}
