-- The source also states the hour of each scheduled departure in UTC, each departure and arrival as a local time of
-- day, and the minutes in the air. Every flight must agree with the computed times: the same hour, the same minute on
-- the local clock, and 1 to 240 minutes on the ground between leaving the gate and arriving at one.
-- One flight was in the air as the clocks went forward on 10 March: it is stated to have arrived at 02:03, which that
-- day did not have. It was 03:03.
select *
from (
    select
        flight_id,
        date_trunc('hour', scheduled_departure_at) = stated_departure_hour as hour_agrees,
        {{ minute_of_day(to_local("'America/New_York'", 'departed_at')) }} = {{ hhmm_as_minutes('dep_time') }}
            as departure_agrees,
        {{ minute_of_day(to_local('time_zone', 'landed_at')) }} = {{ hhmm_as_minutes('arr_time') }} as arrival_agrees,
        round({{ asof.hours_between('departed_at', 'landed_at') }} * 60) - air_time as minutes_on_ground
    from {{ ref('flights') }}
) as compared
where
    not hour_agrees
    or not departure_agrees
    or (not arrival_agrees and flight_id <> '2013-03-09/B6/35/JFK')
    or minutes_on_ground not between 1 and 240
