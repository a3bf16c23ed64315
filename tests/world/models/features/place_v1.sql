select point.place_id, point.as_of, attribute.size
from {{ asof.points(ref('places')) }} as point
{{ asof.left_join_last_known(ref('stg_places'), as='attribute', on='place_id') }}
