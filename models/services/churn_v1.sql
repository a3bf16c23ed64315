select
    row_id,
    {{ asof.hours_between('last_order_at', 'prediction_time') }} / 24 as days_since_last_purchase,
    orders_30d,
    cast(avg_order_value_90d as double) as avg_order_value_90d
from {{ ref('churn_v1_rows') }}
