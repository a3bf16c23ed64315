-- Every order is scored a minute after it was placed, with distance and carrier sent along (the snapshot may not know
-- it yet), and each morning at nine until it is delivered or cancelled.
with first_version as (
    select shipment.*
    from (
        select
            version.*,
            row_number() over (partition by order_id order by known_at, occurred_at, event_id) as version_number
        from {{ asof.known(ref('stg_shipments')) }} as version
    ) as shipment
    where version_number = 1
),

-- a settled order is settled by what was known of it first
delivery as (
    select
        order_id,
        min(known_at) as known_at,
        {{ asof.first_by('occurred_at', ['known_at', 'event_id']) }} as delivered_at
    from {{ asof.known(ref('stg_deliveries')) }} as delivered
    group by order_id
),

cancellation as (
    select
        order_id,
        min(known_at) as known_at
    from {{ asof.known(ref('stg_cancellations')) }} as cancelled
    group by order_id
),

outcome as (
    select
        shipment.order_id,
        shipment.placed_at,
        shipment.distance_km,
        shipment.carrier,
        delivery.delivered_at > shipment.promised_at as is_late,
        delivery.known_at as label_known_at,
        least(delivery.known_at, cancellation.known_at) as settled_at
    from first_version as shipment
    left join delivery on shipment.order_id = delivery.order_id
    left join cancellation on shipment.order_id = cancellation.order_id
),

morning as (
    select days.moment as day
    from {{ asof.series('2026-04-20', '2026-05-04', '1 day') }} as days
),

request as (
    select
        order_id || '/placed' as row_id,
        order_id,
        placed_at + interval '60 seconds' as prediction_time,
        cast(distance_km as {{ asof.type_double() }}) as request_distance_km,
        carrier as request_carrier,
        is_late,
        label_known_at
    from outcome

    union all

    select
        outcome.order_id || '/' || cast(cast(morning.day as date) as {{ dbt.type_string() }}) as row_id,
        outcome.order_id,
        morning.day + interval '9 hours' as prediction_time,
        cast(null as {{ asof.type_double() }}) as request_distance_km,
        cast(null as {{ dbt.type_string() }}) as request_carrier,
        outcome.is_late,
        outcome.label_known_at
    from outcome
    inner join morning
        on outcome.placed_at < morning.day + interval '9 hours'
        and (outcome.settled_at is null or outcome.settled_at > morning.day + interval '9 hours')
)

select *
from request
where prediction_time < {{ asof.cutoff() }}
