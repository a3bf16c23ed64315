select
    card_id,
    min(known_at) as first_seen_at
from {{ ref('stg_cards') }}
group by card_id
