select
    point.customer_id,
    point.as_of,
    max(purchase.occurred_at) as last_order_at,
    count(purchase.event_id) filter (where {{ asof.within('purchase', '30 days') }}) as orders_30d,
    -- returned orders are no sign of what a customer spends: left out once the return is known
    cast(
        {{ asof.mean('purchase.amount', 2,
            where=asof.within('purchase', '90 days') ~ ' and not purchase.is_returned') }}
        as decimal(12, 2)
    ) as avg_order_value_90d
from {{ asof.points(ref('customers')) }} as point
{{ asof.left_join_known(ref('stg_purchases'), as='purchase', on='customer_id', corrected=true) }}
group by 1, 2
