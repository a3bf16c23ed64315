-- Every flight that was to leave in the first three months of 2013 (local dates), asked about two hours before.
select
    flight_id as row_id,
    origin,
    carrier,
    dest,
    tailnum,
    scheduled_departure_at - interval '2 hours' as prediction_time,
    distance_miles as request_distance_miles,
    scheduled_hour as request_scheduled_hour,
    is_late,
    outcome_known_at as label_known_at
from {{ ref('flights') }}
where
    flight_date between date '2013-01-01' and date '2013-03-31'
    and scheduled_departure_at - interval '2 hours' < {{ asof.cutoff() }}
