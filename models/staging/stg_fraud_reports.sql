select
    report_id as event_id,
    reported_at as occurred_at,
    loaded_at as known_at,

    -- what it is about, and what it says
    transaction_id,
    is_fraud
from {{ ref('raw_fraud_reports') }}
