select
    row_id,
    transactions_15m,
    cast(amount_15m as double) as amount_15m,
    -- against a mean of nothing there is no ratio
    cast(request_amount as double) / nullif(cast(mean_amount_30d as double), 0) as amount_to_mean_30d
from {{ ref('fraud_v1_rows') }}
