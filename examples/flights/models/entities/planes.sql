select
    tailnum,
    min(known_at) as first_seen_at
from {{ ref('stg_departures') }}
group by tailnum
