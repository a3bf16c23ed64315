-- The airports of the package leave out the destinations in the Caribbean, which have no daylight saving time.
select
    faa as airport,
    tzone as time_zone
from {{ source('raw', 'airports') }}
where tzone is not null

union all

select
    missing.airport,
    missing.time_zone
from (
    values
    ('BQN', 'America/Puerto_Rico'),
    ('PSE', 'America/Puerto_Rico'),
    ('SJU', 'America/Puerto_Rico'),
    ('STT', 'America/St_Thomas')
) as missing (airport, time_zone)
