select
    dest,
    min(known_at) as first_seen_at
from {{ ref('stg_arrivals') }}
group by dest
