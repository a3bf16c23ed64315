select
    point.tailnum,
    point.as_of,
    arrival.arr_delay as last_arrival_delay,
    arrival.occurred_at as last_arrival_at
from {{ asof.points(ref('planes')) }} as point
{{ asof.left_join_last_known(ref('stg_arrivals'), as='arrival', on='tailnum') }}
