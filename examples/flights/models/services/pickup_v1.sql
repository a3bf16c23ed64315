select
    row_id,
    arrivals_6h as destination_arrivals_6h,
    -- of nothing there is no share and no mean
    cast(late_arrivals_6h as double precision) / nullif(arrivals_6h, 0) as destination_late_share_6h,
    cast(arrival_delay_6h as double precision) / nullif(arrivals_6h, 0) as destination_mean_delay_6h
from {{ ref('pickup_v1_rows') }}
