select
    point.card_id,
    point.as_of,
    count(spent.event_id) filter (where {{ asof.within('spent', '15 minutes') }}) as transactions_15m,
    cast(
        coalesce(sum(spent.amount) filter (where {{ asof.within('spent', '15 minutes') }}), 0) as decimal(14, 2)
    ) as amount_15m,
    cast({{ asof.mean('spent.amount', 2, where=asof.within('spent', '30 days')) }} as decimal(12, 2)) as mean_amount_30d
from {{ asof.points(ref('cards')) }} as point
{{ asof.left_join_known(ref('stg_card_transactions'), as='spent', on='card_id') }}
group by 1, 2
