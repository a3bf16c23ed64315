-- Every transaction is scored as it happens. Its label is what the last report known by now says of it.
with report as (
    select
        transaction_id,
        is_fraud,
        known_at,
        row_number() over (
            partition by transaction_id order by occurred_at desc, known_at desc, event_id desc
        ) as recency
    from {{ asof.known(ref('stg_fraud_reports')) }} as report
)

select
    spent.event_id as row_id,
    spent.card_id,
    spent.occurred_at as prediction_time,
    spent.amount as request_amount,
    report.is_fraud,
    report.known_at as label_known_at
from {{ asof.known(ref('stg_card_transactions')) }} as spent
left join report on spent.event_id = report.transaction_id and report.recency = 1
where spent.occurred_at < {{ asof.cutoff() }}
