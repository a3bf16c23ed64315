select
    point.warehouse_id,
    point.as_of,
    -- a queue that nobody has measured for a day is not known, which is not the same as empty
    case when {{ asof.within('queue', '1 day') }} then queue.queue_length end as backlog
from {{ asof.points(ref('warehouses')) }} as point
{{ asof.left_join_last_known(ref('stg_queue_measurements'), as='queue', on='warehouse_id') }}
