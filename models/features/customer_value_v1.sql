select
    point.customer_id,
    point.as_of,
    cast(coalesce(sum(purchase.amount) filter (where not purchase.is_returned), 0) as decimal(14, 2))
        as customer_lifetime_value
from {{ asof.points(ref('customers')) }} as point
{{ asof.left_join_known(ref('stg_purchases'), as='purchase', on='customer_id', corrected=true) }}
group by 1, 2
