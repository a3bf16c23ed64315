select
<% for key in keys %>
    point.<< key.name >>,
<% endfor %>
    point.as_of,
    count(event.event_id) filter (where {{ asof.within('event', '30 days') }}) as << name >>_events_30d,
    max(event.occurred_at) as << name >>_last_event_at
from {{ asof.points(ref('<< entity >>')) }} as point
{{ asof.left_join_known(ref('<< events >>'), as='event', on=<< on >>) }}
group by << range(1, keys | length + 2) | join(', ') >>
