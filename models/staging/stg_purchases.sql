-- A returned purchase is a second version of it, known when the return was loaded. Loader retries are dropped.
with purchases as (
    select
        purchase_id,
        customer_id,
        purchased_at,
        amount,
        min(loaded_at) as loaded_at
    from {{ ref('raw_purchases') }}
    where customer_id is not null
    group by purchase_id, customer_id, purchased_at, amount
)

select
    purchase_id as event_id,
    purchased_at as occurred_at,
    loaded_at as known_at,

    -- the entity
    customer_id,

    -- the measure, and what this version says of it
    amount,
    false as is_returned,
    false as is_retracted
from purchases

union all

select
    purchases.purchase_id as event_id,
    purchases.purchased_at as occurred_at,
    max(returned.loaded_at) as known_at,
    purchases.customer_id,
    purchases.amount,
    true as is_returned,
    false as is_retracted
from purchases
inner join {{ ref('raw_returns') }} as returned on purchases.purchase_id = returned.purchase_id
where returned.loaded_at > purchases.loaded_at
group by purchases.purchase_id, purchases.purchased_at, purchases.customer_id, purchases.amount
