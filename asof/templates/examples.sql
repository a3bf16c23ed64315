-- One row per prediction to train on, with its label. Put your own requests and labels here. label_known_at is when the
-- label was known. It is null until then, and training leaves the row out. Read event models by asof.known(ref(...)),
-- which holds what the warehouse knew at the moment of the run.
with request as (
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
from request
where prediction_time < {{ asof.cutoff() }}
