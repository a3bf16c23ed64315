select
    row_id,

    -- without a distance there is no prediction: an order placed a minute ago sends it along
    coalesce(request_distance_km, cast(distance_km as double)) as distance_km,
    {{ asof.known_category('coalesce(request_carrier, carrier)',
        ['northline', 'bluefreight', 'swiftpost', 'meridian']) }} as carrier,
    -- the source never leaves it out, so it is 0 or 1 for every shipment it knows, and null for one it doesn't
    cast(is_expedited as integer) as expedited,

    -- how long ago it was last seen, at most a week
    {{ asof.cap(asof.hours_between('last_scan_at', 'prediction_time'), 168) }} as hours_since_last_scan,

    -- the measured queue only: an unmeasured one is said to be missing, never filled with 0
    cast(backlog as double) as origin_backlog,
    cast(backlog is null as integer) as origin_backlog_missing
from {{ ref('late_delivery_v1_rows') }}
