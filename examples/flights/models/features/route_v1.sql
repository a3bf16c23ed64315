select
    point.origin,
    point.dest,
    point.as_of,
    count(outcome.event_id) as route_flights_7d,
    count(outcome.event_id) filter (where outcome.is_late) as route_late_7d
from {{ asof.points(ref('routes')) }} as point
{{ asof.left_join_known(ref('stg_outcomes'), as='outcome', on=['origin', 'dest']) }}
    and {{ asof.within('outcome', '7 days') }}
group by 1, 2, 3
