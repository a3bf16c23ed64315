select
    customer_id || ' on ' || {{ asof.time_text('closed_at') }} as event_id,
    closed_at as occurred_at,
    loaded_at as known_at,

    -- the entity
    customer_id
from {{ ref('raw_account_closures') }}
