-- Every customer is scored each Sunday at midnight, and in the last days also each morning at nine.
with moment as (
    select days.moment as prediction_time
    from {{ asof.series('2026-02-01', '2026-05-03', '7 days') }} as days

    union

    select days.moment + interval '9 hours' as prediction_time
    from {{ asof.series('2026-04-24', '2026-05-04', '1 day') }} as days
),

customer as (
    select
        customer_id,
        min(occurred_at) as signed_up_at
    from {{ asof.known(ref('stg_signups')) }} as signup
    group by customer_id
),

-- the first purchase within the 30 days after, which settles that the customer stayed
purchase as (
    select
        customer.customer_id,
        moment.prediction_time,
        min(bought.known_at) as known_at
    from customer
    inner join moment on customer.signed_up_at <= moment.prediction_time
    inner join {{ asof.known(ref('stg_purchases')) }} as bought
        on customer.customer_id = bought.customer_id
        and bought.occurred_at > moment.prediction_time
        and bought.occurred_at <= moment.prediction_time + interval '720 hours'
    group by customer.customer_id, moment.prediction_time
),

-- or the account's closing, which settles that they left
closure as (
    select
        customer.customer_id,
        moment.prediction_time,
        min(closed.known_at) as known_at
    from customer
    inner join moment on customer.signed_up_at <= moment.prediction_time
    inner join {{ asof.known(ref('stg_account_closures')) }} as closed
        on customer.customer_id = closed.customer_id
        and closed.occurred_at >= moment.prediction_time
        and closed.occurred_at <= moment.prediction_time + interval '720 hours'
    group by customer.customer_id, moment.prediction_time
)

select
    customer.customer_id || '/' || {{ asof.time_text('moment.prediction_time') }} as row_id,
    customer.customer_id,
    moment.prediction_time,
    purchase.known_at is null as is_churned,
    coalesce(purchase.known_at, closure.known_at, moment.prediction_time + interval '720 hours') as label_known_at
from customer
inner join moment on customer.signed_up_at <= moment.prediction_time
left join purchase
    on customer.customer_id = purchase.customer_id and moment.prediction_time = purchase.prediction_time
left join closure
    on customer.customer_id = closure.customer_id and moment.prediction_time = closure.prediction_time
where moment.prediction_time < {{ asof.cutoff() }}
