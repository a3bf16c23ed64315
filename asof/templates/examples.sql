-- What was asked, and what came of it. Put your own requests and labels here: prediction_time is when it was asked,
-- label_known_at when the label was known (null until then; such rows wait outside training). Read event models by
-- asof.known(ref(...)): what the warehouse knew at the moment of the run.
with asked as (
    select
<% for key in keys %>
        cast(<< key.own >> as varchar) || '/' ||<< ' ' if not loop.last >>
<%- endfor %>
 cast(first_seen_at as varchar) as row_id,
<% for key in keys %>
        << key.own >><< ' as ' ~ key.name if key.name != key.own >>,
<% endfor %>
        first_seen_at + interval '24 hours' as prediction_time,
        cast(null as boolean) as outcome,
        cast(null as timestamptz) as label_known_at
    from {{ ref('<< entity >>') }}
)

select *
from asked
where prediction_time < {{ asof.cutoff() }}
