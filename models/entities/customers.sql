select
    signup.customer_id,
    signup.known_at as first_seen_at,
    min(closure.known_at) as gone_at
from {{ ref('stg_signups') }} as signup
left join {{ ref('stg_account_closures') }} as closure
    on signup.customer_id = closure.customer_id and closure.known_at > signup.known_at
group by signup.customer_id, signup.known_at
