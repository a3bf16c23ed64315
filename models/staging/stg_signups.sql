select
    customer_id || ' on ' || {{ asof.time_text('signed_up_at') }} as event_id,
    signed_up_at as occurred_at,
    loaded_at as known_at,

    -- the entity
    customer_id
from {{ ref('raw_customers') }}
