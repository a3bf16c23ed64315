-- The loader sends some versions twice, identical in every column: a version is known since it was first loaded.
select
    order_id || ' as of ' || {{ asof.time_text('updated_at') }} as event_id,
    updated_at as occurred_at,
    min(loaded_at) as known_at,

    -- the entity
    order_id,

    -- attributes of this version
    carrier,
    distance_km,
    origin_warehouse_id,
    is_expedited,
    placed_at,
    promised_at
from {{ ref('raw_shipments') }}
group by order_id, carrier, distance_km, origin_warehouse_id, is_expedited, placed_at, promised_at, updated_at
