select
    point.origin,
    point.as_of,
    count(departure.event_id) as departures_3h,
    count(departure.event_id) filter (where departure.is_late) as late_departures_3h
from {{ asof.points(ref('airports')) }} as point
{{ asof.left_join_known(ref('stg_departures'), as='departure', on='origin') }}
    and {{ asof.within('departure', '3 hours') }}
group by 1, 2
