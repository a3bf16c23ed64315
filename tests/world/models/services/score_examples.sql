select row_id, thing_id, prediction_time, request_amount, request_color, outcome, label_known_at
from {{ source('raw', 'examples') }}
