select
    point.dest,
    point.as_of,
    count(arrival.event_id) as arrivals_6h,
    count(arrival.event_id) filter (where arrival.arr_delay > 15) as late_arrivals_6h,
    cast(sum(arrival.arr_delay) as bigint) as arrival_delay_6h
from {{ asof.points(ref('destinations')) }} as point
{{ asof.left_join_known(ref('stg_arrivals'), as='arrival', on='dest') }}
    and {{ asof.within('arrival', '6 hours') }}
group by 1, 2
