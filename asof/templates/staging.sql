<% if unique_key %>
{{ config(materialized='observed', unique_key=<< unique_key >>) }}
select << columns | join(', ') >>
from {{ << relation >> }}
<% else %>
select
    << id >> as event_id,
    << occurred >> as occurred_at,
<% if known %>
    << known >> as known_at,
<% else %>
    {{ asof.known_after('<< occurred >>') }} as known_at,
<% endif %>
<% for column in columns %>
    << column >><< ',' if not loop.last >>
<% endfor %>
from {{ << relation >> }}
<% endif %>
