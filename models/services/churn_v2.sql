select
    row_id,
    {{ asof.hours_between('last_order_at', 'prediction_time') }} / 24 as days_since_last_purchase,
    orders_30d,
    cast(customer_lifetime_value as double) as customer_lifetime_value
from {{ ref('churn_v2_rows') }}
