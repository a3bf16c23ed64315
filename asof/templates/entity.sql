<% if gone %>
select
<% for key in keys %>
    seen.<< key.name >>,
<% endfor %>
    min(seen.known_at) as first_seen_at,
    min(departure.known_at) as gone_at
from {{ ref('<< events >>') }} as seen
left join {{ ref('<< gone >>') }} as departure
    on <% for key in keys %>seen.<< key.name >> = departure.<< key.name >><< ' and ' if not loop.last >><% endfor %>

group by <% for key in keys %>seen.<< key.name >><< ', ' if not loop.last >><% endfor %>

<% else %>
select
<% for key in keys %>
    << key.name >>,
<% endfor %>
    min(known_at) as first_seen_at
from {{ ref('<< events >>') }}
group by << keys | map(attribute='name') | join(', ') >>
<% endif %>
