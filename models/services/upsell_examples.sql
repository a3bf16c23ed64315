-- Every customer is scored each Monday at nine, and in the last days each morning.
with moment as (
    select days.moment + interval '9 hours' as prediction_time
    from {{ asof.series('2026-02-02', '2026-05-04', '7 days') }} as days

    union

    select days.moment + interval '9 hours' as prediction_time
    from {{ asof.series('2026-04-24', '2026-05-04', '1 day') }} as days
),

scored as (
    select
        customer.customer_id,
        moment.prediction_time
    from {{ ref('customers') }} as customer
    inner join moment
        on customer.first_seen_at <= moment.prediction_time
        and (customer.gone_at is null or customer.gone_at > moment.prediction_time)
),

-- the first order of 50 euros or more in the 14 days after, which settles it
purchase as (
    select
        scored.customer_id,
        scored.prediction_time,
        min(bought.known_at) as known_at
    from scored
    inner join {{ asof.known(ref('stg_purchases')) }} as bought
        on scored.customer_id = bought.customer_id
        and bought.occurred_at > scored.prediction_time
        and bought.occurred_at <= scored.prediction_time + interval '336 hours'
    where bought.amount >= 50
    group by scored.customer_id, scored.prediction_time
)

select
    scored.customer_id || '/' || {{ asof.time_text('scored.prediction_time') }} as row_id,
    scored.customer_id,
    scored.prediction_time,
    purchase.known_at is not null as has_large_order,
    coalesce(purchase.known_at, scored.prediction_time + interval '336 hours') as label_known_at
from scored
left join purchase
    on scored.customer_id = purchase.customer_id and scored.prediction_time = purchase.prediction_time
where scored.prediction_time < {{ asof.cutoff() }}
