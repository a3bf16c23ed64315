-- The loader delivers some scans twice: a scan is known since it was first loaded. Unreadable labels carry no order.
select
    scan_id as event_id,
    scanned_at as occurred_at,
    min(loaded_at) as known_at,

    -- the entity
    order_id
from {{ ref('raw_scans') }}
where order_id is not null
group by scan_id, scanned_at, order_id
