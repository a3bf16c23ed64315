-- Stored features only: neither what a caller sends nor the time of asking enters.
select
    row_id,
    orders_30d,
    cast(avg_order_value_90d as double) as avg_order_value_90d,
    orders_30d * cast(avg_order_value_90d as double) as spend_30d
from {{ ref('upsell_v1_rows') }}
