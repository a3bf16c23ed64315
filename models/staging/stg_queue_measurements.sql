-- A measurement without a length measured nothing; it must not pass for an empty queue.
select
    measurement_id as event_id,
    measured_at as occurred_at,
    loaded_at as known_at,

    -- the entity
    warehouse_id,

    -- the measure
    queue_length
from {{ ref('raw_queue_measurements') }}
where queue_length is not null
