select
    shipment.order_id,
    min(shipment.known_at) as first_seen_at,
    min(cancellation.known_at) as gone_at
from {{ ref('stg_shipments') }} as shipment
left join {{ ref('stg_cancellations') }} as cancellation on shipment.order_id = cancellation.order_id
group by shipment.order_id
