select place_id, min(known_at) as first_seen_at from {{ ref('stg_places') }} group by place_id
