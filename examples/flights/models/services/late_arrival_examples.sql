-- Every flight that was to leave from the start of 2013 to the last day that the project names (local dates), asked
-- about two hours before.
select
    flight.event_id as row_id,
    flight.origin,
    flight.carrier,
    flight.dest,
    flight.tailnum,
    flight.scheduled_departure_at - interval '2 hours' as prediction_time,
    flight.distance_miles as request_distance_miles,
    flight.scheduled_hour as request_scheduled_hour,
    outcome.is_late,
    outcome.known_at as label_known_at
from {{ asof.known(ref('stg_schedule')) }} as flight
left join {{ asof.known(ref('stg_outcomes')) }} as outcome on flight.event_id = outcome.event_id
where
    flight.flight_date between date '2013-01-01' and date '{{ var('last_day') }}'
    and flight.scheduled_departure_at - interval '2 hours' < {{ asof.cutoff() }}
