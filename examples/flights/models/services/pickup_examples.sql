-- Every flight that was to leave from the start of 2013 to the last day that the project names (local dates), asked
-- about as it is to leave.
select
    flight.event_id as row_id,
    flight.dest,
    flight.scheduled_departure_at as prediction_time,
    outcome.is_late,
    outcome.known_at as label_known_at
from {{ asof.known(ref('stg_schedule')) }} as flight
left join {{ asof.known(ref('stg_outcomes')) }} as outcome on flight.event_id = outcome.event_id
where
    flight.flight_date between date '2013-01-01' and date '{{ var('last_day') }}'
    and flight.scheduled_departure_at < {{ asof.cutoff() }}
