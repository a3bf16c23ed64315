select
    warehouse_id,
    min(known_at) as first_seen_at
from {{ ref('stg_warehouses') }}
group by warehouse_id
