select
    row_id,
    coalesce(request_color, color) as color,
    coalesce(events_30d, 0) as events_30d,
    cast(amount_total as double) as amount_total,
    {{ asof.hours_between('last_event_at', 'prediction_time') }} as hours_since_last_event,
    size as place_size,
    request_amount,
    thing_status = 'OK' as is_known
from {{ ref('score_v1_rows') }}
