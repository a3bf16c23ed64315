{#
  `select ...`: one row per example with its answer, LOST or NO_SNAPSHOT where there is none, and its label. answers,
  rows, examples and lost (asof.lost_examples) are relations, known in what follows as asof_answer, asof_row,
  asof_example and asof_lost. has_labels: whether the examples have the service's labels.
#}
{% macro training_columns_sql(spec, answers, rows, examples, lost, has_labels=true, also=[]) %}
    select
        cast(asof_example.row_id as varchar) as row_id,
        {% for key in spec['keys'] %}asof_example.{{ key.name }}, {% endfor %}
        asof_example.prediction_time,
        asof_row.asof_sequence_number as sequence_number,
        asof_row.asof_is_backfilled as is_backfilled,
        coalesce(asof_answer.status,
            case when asof_lost.row_id is not null then 'LOST' else 'NO_SNAPSHOT' end) as status
        {%- for group in spec.groups %},
        asof_answer.{{ group.name }}_status
        {%- endfor %}
        {%- for feature in spec.features %},
        asof_answer.{{ feature.name }}
        {%- endfor %}
        {%- if has_labels %}
        {%- for label in spec.labels %},
        asof_example.{{ label.name }}
        {%- endfor %},
        asof_example.label_known_at
        {%- endif %}
        {%- for column in also %},
        {{ column }}
        {%- endfor %}
    from {{ examples }} as asof_example
    left join {{ answers }} as asof_answer on asof_answer.row_id = cast(asof_example.row_id as varchar)
    left join {{ rows }} as asof_row on asof_row.row_id = cast(asof_example.row_id as varchar)
    left join {{ lost }} as asof_lost on asof_lost.row_id = cast(asof_example.row_id as varchar)
{% endmacro %}
