select
    point.order_id,
    point.as_of,
    shipment.carrier,
    shipment.distance_km,
    shipment.is_expedited,
    shipment.origin_warehouse_id,
    max(scan.occurred_at) as last_scan_at
from {{ asof.points(ref('shipments')) }} as point
{{ asof.left_join_last_known(ref('stg_shipments'), as='shipment', on='order_id') }}
{{ asof.left_join_known(ref('stg_scans'), as='scan', on='order_id') }}
group by 1, 2, 3, 4, 5, 6
