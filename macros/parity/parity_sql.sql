{#
  The statement that compares the rows of the log that meet the condition `which`, all of one definition, and keeps
  what it found. A personal key is the one known to history that has the hash; where there is none, nobody is known by
  it.
#}
{% macro parity_sql(contract, which) %}
    {%- set hashed_keys = contract['keys'] | selectattr('personal', 'defined') | list -%}
    {%- set blocked = [] -%}
    {%- for column in contract.request if column.personal -%}
        {%- do blocked.append("when logged.asof_said.request." ~ column.name ~ " is not null then 'the personal "
            ~ "request column " ~ column.name ~ " is hashed'") -%}
    {%- endfor -%}
    {%- for key in hashed_keys if modules.re.search('\\b' ~ key.name ~ '\\b', contract.text) -%}
        {%- do blocked.append('when asof_hashed_' ~ key.name ~ '.' ~ key.name ~ " is null then 'nobody known to "
            ~ "history has its hashed " ~ key.name ~ ", which the service itself reads'") -%}
    {%- endfor %}
    update {{ asof.registry('requests') }} as log
    set parity = found.parity, differences = found.differences
    from (
        with logged as (
            select
                request_id || '/' || row_number as row_id,
                request_id as asof_request_id,
                row_number as asof_row_number,
                status as asof_answered_status,
                sequence_number as asof_sequence_number,
                prediction_time as asof_prediction_time,
                line as asof_line,
                {{ asof.json_values('line', {'request': asof.logged_columns(contract),
                    'features': asof.compared_columns(contract)}) }}
                    as asof_said
            from {{ asof.registry('requests') }}
            where {{ which }}
        ),
        {%- for key in hashed_keys %}
        asof_hashed_{{ key.name }} as (
            select {{ key.name }},
            {{ asof.pseudonym(asof.answer_text(key.name, key.type), asof.request_log_key()) }} as asof_pseudonym
            from ({{ asof.known_keys_sql(contract, key.name) }}) as known
        ),
        {%- endfor %}
        asked as (
            select
                logged.row_id,
                logged.asof_prediction_time as prediction_time,
                logged.asof_sequence_number as sequence_number,
                {%- for key in contract['keys'] %}
                {{ 'asof_hashed_' ~ key.name if key.personal else 'logged.asof_said.request' }}.{{ key.name }},
                {%- endfor %}
                {%- for column in contract.request %}
                {{ 'cast(null as ' ~ column.type ~ ')' if column.personal else 'logged.asof_said.request.'
                    ~ column.name }} as {{ column.name }},
                {%- endfor %}
                {{ 'case ' ~ blocked | join(' ') ~ ' end' if blocked else 'cast(null as varchar)' }}
                    as asof_not_comparable
            from logged
            {%- for key in hashed_keys %}
            left join asof_hashed_{{ key.name }}
                on asof_hashed_{{ key.name }}.asof_pseudonym = logged.asof_said.request.{{ key.name }}
            {%- endfor %}
        ),
        rebuilt as (
            {{ asof.looked_up_sql(contract, 'asked', contract.histories) }},
            answer as (
                {{ contract.sql }}
            )
            select * from answer
        ),
        lost as (
            select row_id from {{ asof.lost_examples(contract, 'asked') }} as lost_row
        ),
        -- the publication that was current when it was asked, and since when; of lost ones nobody knows
        made as (
            select distinct sequence_number, published_at, kind = 'lost' as is_lost
            from {{ asof.registry('publications') }}
        ),
        current_one as (
            select logged.row_id, made.sequence_number, made.published_at, made.is_lost
            from logged
            {{ asof.asof_left_join('made', 'made', 'logged.asof_prediction_time', 'made.published_at') }}
        ),
        pair as (
            select
                logged.*,
                asked.asof_not_comparable,
                rebuilt.row_id is not null and asked.asof_not_comparable is null as asof_is_rebuilt,
                rebuilt.status as asof_status,
                rebuilt.rejected_columns as asof_rejected_columns,
                {%- for group in contract.groups %}
                rebuilt.{{ group.name }}_status,
                {%- endfor %}
                {%- for feature in contract.features %}
                rebuilt.{{ feature.name }},
                {%- endfor %}
                current_one.sequence_number as asof_current_number,
                current_one.published_at as asof_current_since,
                current_one.is_lost as asof_current_is_lost,
                lost.row_id is not null as asof_is_lost
            from logged
            inner join asked on asked.row_id = logged.row_id
            left join rebuilt on rebuilt.row_id = logged.row_id
            left join current_one on current_one.row_id = logged.row_id
            left join lost on lost.row_id = logged.row_id
        ),
        difference as (
            select row_id, 'status' as what, asof_answered_status as answered, asof_status as rebuilt
            from pair
            where asof_is_rebuilt and asof_answered_status is distinct from asof_status
            union all
            select row_id, 'rejected', {{ asof.json_list_text('asof_line', 'rejected') }}, asof_rejected_columns
            from pair
            where asof_is_rebuilt
                and {{ asof.json_list_text('asof_line', 'rejected') }} is distinct from asof_rejected_columns
            union all
            select row_id, 'publication', cast(asof_sequence_number as varchar), cast(asof_current_number as varchar)
            from pair
            where
                asof_is_rebuilt
                and not asof_current_is_lost
                and asof_sequence_number is distinct from asof_current_number
                and asof_prediction_time > asof_current_since
                    + interval '{{ asof.seconds(var('asof_pickup', '5 seconds'), 'the var asof_pickup') }} seconds'
            {%- for group in contract.groups %}
            union all
            select row_id, 'status of {{ group.name }}',
            {{ asof.json_text('asof_line', 'groups', group.name) }}, {{ group.name }}_status
            from pair
            where asof_is_rebuilt
                and {{ asof.json_text('asof_line', 'groups', group.name) }} is distinct from {{ group.name }}_status
            {%- endfor %}
            {%- for feature, compared in zip(contract.features, asof.compared_columns(contract)) %}
            union all
            select row_id, '{{ feature.name }}',
            {{ asof.json_spelling('asof_line', 'features', feature) }}, cast({{ feature.name }} as varchar)
            from pair
            where
                asof_is_rebuilt
                and (
                    asof_said.features.{{ feature.name }}
                        is distinct from cast({{ feature.name }} as {{ compared.type }})
                    or not {{ asof.json_is_of_type('asof_line', 'features', feature) }}
                )
            {%- endfor %}
        )
        select
            pair.asof_request_id as request_id,
            pair.asof_row_number as row_number,
            case
                when max(pair.asof_not_comparable) is not null then 'not comparable: ' || max(pair.asof_not_comparable)
                when bool_or(pair.asof_is_lost) then 'not comparable: {{ asof.why_lost() }}'
                when not bool_and(pair.asof_is_rebuilt) then 'not compared: its publication is not on record'
                when count(difference.what) > 0 then 'different'
                else 'same'
            end as parity,
            {{ asof.joined_text("difference.what || ': answered ' || coalesce(difference.answered, 'null') || ', "
                ~ "history gives ' || coalesce(difference.rebuilt, 'null')",
                'difference.what') }} as differences
        from pair
        left join difference on difference.row_id = pair.row_id
        group by pair.asof_request_id, pair.asof_row_number
    ) as found
    where log.request_id = found.request_id and log.row_number = found.row_number
{% endmacro %}
