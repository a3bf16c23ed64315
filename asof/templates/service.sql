select
    row_id,
<% for feature in features %>
    << feature.name >><< ',' if not loop.last >>
<% endfor %>
from {{ ref('<< name >>_v1_rows') }}
