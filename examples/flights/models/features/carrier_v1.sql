select
    point.carrier,
    point.as_of,
    count(outcome.event_id) as carrier_flights_7d,
    count(outcome.event_id) filter (where outcome.is_late) as carrier_late_7d
from {{ asof.points(ref('airlines')) }} as point
{{ asof.left_join_known(ref('stg_outcomes'), as='outcome', on='carrier') }}
    and {{ asof.within('outcome', '7 days') }}
group by 1, 2
