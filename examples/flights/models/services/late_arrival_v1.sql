select
    row_id,
    last_arrival_delay as aircraft_last_arrival_delay,
    {{ asof.hours_between('last_arrival_at', 'prediction_time') }} as aircraft_hours_since_last_arrival,
    -- of nothing there is no share
    cast(late_departures_3h as double precision) / nullif(departures_3h, 0) as origin_late_share_3h,
    cast(carrier_late_7d as double precision) / nullif(carrier_flights_7d, 0) as carrier_late_share_7d,
    cast(route_late_7d as double precision) / nullif(route_flights_7d, 0) as route_late_share_7d,
    request_distance_miles as distance_miles,
    request_scheduled_hour as scheduled_hour
from {{ ref('late_arrival_v1_rows') }}
