-- One row per flight, with its times in UTC. The source gives local times of day (hhmm, 2400 at midnight) beside the
-- local date of the scheduled departure, and delays in minutes. Delays count elapsed minutes, so actual times are
-- scheduled ones plus the delay: no guess is needed about the day of a late departure or about a change of daylight
-- saving time on the way.
with flight as (
    select
        make_date(cast(year as integer), cast(month as integer), cast(day as integer)) as flight_date,
        carrier,
        cast(flight as integer) as flight_number,
        tailnum,
        origin,
        dest,
        cast(distance as integer) as distance_miles,
        cast(sched_dep_time as integer) as sched_dep_time,
        cast(sched_arr_time as integer) as sched_arr_time,
        cast(dep_time as integer) as dep_time,
        cast(arr_time as integer) as arr_time,
        cast(dep_delay as integer) as dep_delay,
        cast(arr_delay as integer) as arr_delay,
        cast(air_time as integer) as air_time,
        cast(time_hour as {{ dbt.type_timestamp() }}) as stated_departure_hour
    from {{ source('raw', 'flights') }}
),

scheduled as (
    select
        flight.*,
        destination.time_zone,
        {{ from_local("'America/New_York'", local_time('flight_date', 'sched_dep_time')) }} as scheduled_departure_at,
        {{ from_local('destination.time_zone', local_time('flight_date', 'sched_arr_time')) }} as arrival_same_day_at,
        {{ from_local('destination.time_zone', local_time('flight_date + 1', 'sched_arr_time')) }}
            as arrival_next_day_at
    from flight
    left join {{ ref('airport_zones') }} as destination on flight.dest = destination.airport
),

-- the scheduled arrival's day: the first that lies after the scheduled departure (no flight takes a day)
timed as (
    select
        scheduled.*,
        case when arrival_same_day_at > scheduled_departure_at then arrival_same_day_at else arrival_next_day_at end
            as scheduled_arrival_at
    from scheduled
)

select
    concat_ws('/', flight_date, carrier, flight_number, origin) as flight_id,
    flight_date,
    carrier,
    flight_number,
    -- no aircraft is named for some of the cancelled flights
    coalesce(tailnum, 'none') as tailnum,
    origin,
    dest,
    distance_miles,
    cast(floor(sched_dep_time / 100.0) as integer) as scheduled_hour,
    dep_time,
    arr_time,
    dep_delay,
    arr_delay,
    air_time,
    stated_departure_hour,
    time_zone,
    scheduled_departure_at,
    scheduled_arrival_at,
    scheduled_departure_at + dep_delay * interval '1 minute' as departed_at,
    scheduled_arrival_at + arr_delay * interval '1 minute' as landed_at,
    -- a flight that was cancelled or diverted never arrives within the quarter of an hour
    coalesce(arr_delay > 15, true) as is_late,
    -- which is certain a minute after that quarter, whenever it was decided
    coalesce(scheduled_arrival_at + arr_delay * interval '1 minute', scheduled_arrival_at + interval '16 minutes')
        as outcome_known_at
from timed
