{#
  Parity: what the API answered against what history gives. As a command starts, the shim's request log is taken into the
  record asof_requests, and each newly logged row is rebuilt by the training path and compared, once; the service test
  fails where a row differs that no test has told of yet, and as the command ends it is noted which run told.

  Two questions, kept apart. Is the answer what the publication that it names must give? And was that publication the
  current one then, or replaced no longer ago than the shim may take to pick the next one up (var asof_pickup)?

  An answer is rebuilt by the text of the definition that it names, as it was published (record asof_contracts), also
  where the service has another one by now. `parity` says what came of it: same; different; `not compared: <why>`, which
  counts against the floor; `not comparable: <why>`, which nobody could compare, now or later.
#}

{#
  The folder of the shim's request log, or none: ASOF_REQUEST_LOG, by which the shim knows it too. For a target that
  publishes; another one answered nothing.
#}
{% macro request_log_folder() %}
    {{- return((env_var('ASOF_REQUEST_LOG', '') or none) if asof.publish_folder() is not none else none) -}}
{% endmacro %}

{#
  The file with the secret by which the shim hashes personal values, or none: ASOF_REQUEST_LOG_KEY, as for the shim. Only
  the engine reads it: the secret never stands in compiled SQL or a log of dbt's.
#}
{% macro request_log_key() %}
    {%- set file = env_var('ASOF_REQUEST_LOG_KEY', '') -%}
    {%- if file and not asof.file_exists(file) -%}
        {{- asof.refuse('ASOF_REQUEST_LOG_KEY is ' ~ file ~ ', and there is no such file. Name the file with the secret that '
            ~ 'the shim hashes personal values by, or unset it.') -}}
    {%- endif -%}
    {{- return(file or none) -}}
{% endmacro %}

{# Takes newly logged rows into the record. #}
{% macro take_in_request_log() %}
    {%- set folder = asof.request_log_folder() -%}
    {%- if folder is none -%}
        {%- if env_var('ASOF_REQUEST_LOG', '') -%}
            {%- do asof.say('ASOF_REQUEST_LOG is set, but the target ' ~ target.name ~ ' publishes nowhere (asof_publish_to): '
                ~ 'no logged answer is compared.') -%}
        {%- endif -%}
        {{- return(none) -}}
    {%- endif -%}
    {%- if not asof.file_exists(folder ~ '/*.jsonl') -%}{{- return(none) -}}{%- endif -%}
    {%- do run_query("insert into " ~ asof.registry('requests') ~ " select log.*, null, null, null, null, null from " ~ asof.request_log(folder) ~ " as log left join "
        ~ asof.registry('requests') ~ " as known on known.request_id = log.request_id and known.row_number = log.row_number where known.request_id is null") -%}
{% endmacro %}

{# Compares every row of the log that was not yet, and keeps what was found beside it. #}
{% macro compare_request_log() %}
    {%- if asof.request_log_folder() is none -%}{{- return(none) -}}{%- endif -%}
    {#- whatever their definition: it may have been published in lost hours only -#}
    {%- do asof.not_compared('not comparable: ' ~ asof.why_lost(), 'parity is null and sequence_number in (select sequence_number from '
        ~ asof.registry('publications') ~ " where kind = 'lost')") -%}
    {%- set services = [] -%}
    {%- for node in asof.models_of('service') -%}{%- do services.append(asof.versioned_id(node)) -%}{%- endfor -%}
    {%- for id, definition in run_query('select distinct service_id, definition from ' ~ asof.registry('requests') ~ ' where parity is null order by 1, 2').rows -%}
        {%- set which = 'service_id = ' ~ asof.literal(id) ~ ' and definition = ' ~ asof.literal(definition) ~ ' and parity is null' -%}
        {%- set contract = asof.contract_of(id, definition) -%}
        {%- if id not in services -%}
            {%- do asof.say('parity: logged answers of ' ~ id ~ ' are not compared, since it is no longer in the project.') -%}
            {%- do asof.not_compared('not compared: no longer in the project', which, invocation_id) -%}
        {%- elif contract is none -%}
            {%- do asof.not_compared('not compared: its definition was never published here', which) -%}
        {%- elif contract.gone -%}
            {%- do asof.not_compared('not compared: it read ' ~ contract.gone ~ ', which is no longer in the project', which) -%}
        {%- elif contract['keys'] | selectattr('personal', 'defined') | list and asof.request_log_key() is none -%}
            {%- do asof.not_compared('not comparable: personal keys are hashed, and there is no file with the secret', which) -%}
        {%- else -%}
            {%- do run_query(asof.parity_sql(contract, which)) -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}

{% macro not_compared(why, which, run_id=none) %}
    {%- do run_query('update ' ~ asof.registry('requests') ~ ' set parity = ' ~ asof.literal(why) ~ ', run_id = ' ~ asof.literal(run_id) ~ ' where ' ~ which) -%}
{% endmacro %}

{% macro why_lost() %}{{ return('its publication is lost, since an older warehouse was restored') }}{% endmacro %}

{#
  A published definition of a service, as looked_up_sql wants it: {id, keys, request, groups, features, sql, histories,
  has_sequence_number, gone}; none where this warehouse never published it. gone: a group that the project no longer has.
#}
{% macro contract_of(id, definition) %}
    {%- set found = run_query('select contract from ' ~ asof.registry('contracts') ~ ' where service_id = ' ~ asof.literal(id) ~ ' and definition = '
        ~ asof.literal(definition)).rows -%}
    {%- if found | length == 0 -%}{{- return(none) -}}{%- endif -%}
    {%- set contract = asof.contract_as_current(fromjson(found[0][0])) -%}
    {%- set histories = {} -%}
    {%- for group in contract.groups -%}
        {%- set features = [] -%}
        {%- for column in contract.looked_up if column.source == 'feature' and column.lookup == group.name -%}
            {%- do features.append(column) -%}
        {%- endfor -%}
        {%- do group.update({'features': features}) -%}
        {%- set history = asof.model_named(group.group | replace('@', '_v') ~ '_history') -%}
        {%- if history is none -%}{%- do contract.update({'gone': group.group}) -%}
        {%- else -%}{%- do histories.update({group.group: asof.relation_of(history)}) -%}{%- endif -%}
    {%- endfor -%}
    {%- for group in contract.groups if group.via -%}
        {%- do group.update({'via_column': asof.via_column(group, contract.groups)}) -%}
    {%- endfor -%}
    {%- do contract.update({'id': id, 'histories': histories, 'has_sequence_number': true}) -%}
    {{- return(contract) -}}
{% endmacro %}

{# What is kept of a service in a manifest: all that its answers can be rebuilt by. #}
{% macro contract_in(manifest, service) %}
    {%- set groups, features = [], [] -%}
    {%- for group in service.groups -%}
        {%- set stored = manifest.groups[group.group] -%}
        {%- set read = {'name': group.name, 'group': group.group, 'spec': {'keys': asof.names_and_types(stored['keys'])}} -%}
        {%- do read.update({'via': group.via} if group.via else {'keys': group['keys']}) -%}
        {%- do groups.append(read) -%}
    {%- endfor -%}
    {{- return({'keys': asof.names_and_types(service['keys']), 'request': asof.names_and_types(service.request), 'groups': groups,
        'features': asof.names_and_types(service.features), 'looked_up': service.looked_up, 'sql': service.sql,
        'text': service.sql.split(service.name ~ '_v' ~ service.version ~ ' as (')[1]}) -}}
{% endmacro %}

{% macro names_and_types(columns) %}
    {%- set out = [] -%}
    {%- for column in columns -%}
        {%- do out.append({'name': column.name, 'type': column.type, 'personal': true} if column.personal else {'name': column.name, 'type': column.type}) -%}
    {%- endfor -%}
    {{- return(out) -}}
{% endmacro %}

{#
  The statement that compares the rows of the log that meet the condition `which`, all of one definition, and keeps what it found.
  A personal key is the one known to history that has the hash; where there is none, nobody is known by it.
#}
{% macro parity_sql(contract, which) %}
    {%- set hashed_keys = contract['keys'] | selectattr('personal', 'defined') | list -%}
    {%- set blocked = [] -%}
    {%- for column in contract.request if column.personal -%}
        {%- do blocked.append("when logged.asof_said.request." ~ column.name ~ " is not null then 'the personal request column " ~ column.name ~ " is hashed'") -%}
    {%- endfor -%}
    {%- for key in hashed_keys if modules.re.search('\\b' ~ key.name ~ '\\b', contract.text) -%}
        {%- do blocked.append('when asof_hashed_' ~ key.name ~ '.' ~ key.name ~ " is null then 'nobody known to history has its hashed " ~ key.name ~ ", which the service itself reads'") -%}
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
                {{ asof.json_values('line', {'request': asof.logged_columns(contract), 'features': asof.compared_columns(contract)}) }}
                    as asof_said
            from {{ asof.registry('requests') }}
            where {{ which }}
        ),
        {%- for key in hashed_keys %}
        asof_hashed_{{ key.name }} as (
            select {{ key.name }}, {{ asof.pseudonym(asof.answer_text(key.name, key.type), asof.request_log_key()) }} as asof_pseudonym
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
                {{ 'cast(null as ' ~ column.type ~ ')' if column.personal else 'logged.asof_said.request.' ~ column.name }} as {{ column.name }},
                {%- endfor %}
                {{ 'case ' ~ blocked | join(' ') ~ ' end' if blocked else 'cast(null as varchar)' }} as asof_not_comparable
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
            select distinct sequence_number, published_at, kind = 'lost' as is_lost from {{ asof.registry('publications') }}
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
            where asof_is_rebuilt and {{ asof.json_list_text('asof_line', 'rejected') }} is distinct from asof_rejected_columns
            union all
            select row_id, 'publication', cast(asof_sequence_number as varchar), cast(asof_current_number as varchar)
            from pair
            where
                asof_is_rebuilt
                and not asof_current_is_lost
                and asof_sequence_number is distinct from asof_current_number
                and asof_prediction_time > asof_current_since + interval '{{ asof.seconds(var('asof_pickup', '5 seconds'), 'the var asof_pickup') }} seconds'
            {%- for group in contract.groups %}
            union all
            select row_id, 'status of {{ group.name }}', {{ asof.json_text('asof_line', 'groups', group.name) }}, {{ group.name }}_status
            from pair
            where asof_is_rebuilt and {{ asof.json_text('asof_line', 'groups', group.name) }} is distinct from {{ group.name }}_status
            {%- endfor %}
            {%- for feature, compared in zip(contract.features, asof.compared_columns(contract)) %}
            union all
            select row_id, '{{ feature.name }}', {{ asof.json_spelling('asof_line', 'features', feature) }}, cast({{ feature.name }} as varchar)
            from pair
            where
                asof_is_rebuilt
                and (
                    asof_said.features.{{ feature.name }} is distinct from cast({{ feature.name }} as {{ compared.type }})
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
            {{ asof.joined_text("difference.what || ': answered ' || coalesce(difference.answered, 'null') || ', history gives ' || coalesce(difference.rebuilt, 'null')",
                'difference.what') }} as differences
        from pair
        left join difference on difference.row_id = pair.row_id
        group by pair.asof_request_id, pair.asof_row_number
    ) as found
    where log.request_id = found.request_id and log.row_number = found.row_number
{% endmacro %}

{# The keys and request columns as the log holds them: of personal ones hashes, which are text. #}
{% macro logged_columns(contract) %}
    {%- set columns = [] -%}
    {%- for column in contract['keys'] + contract.request -%}
        {%- do columns.append({'name': column.name, 'type': 'varchar' if column.personal else column.type}) -%}
    {%- endfor -%}
    {{- return(columns) -}}
{% endmacro %}

{# Every value of a key that the histories of a service's groups hold, once. #}
{% macro known_keys_sql(contract, key) -%}
    {%- set selects = [] -%}
    {%- for group in contract.groups if key in group.get('keys', []) -%}
        {%- set own = group.spec['keys'][group['keys'].index(key)].name -%}
        {%- do selects.append('select ' ~ own ~ ' as ' ~ key ~ ' from ' ~ contract.histories[group.group]) -%}
    {%- endfor -%}
    select distinct {{ key }} from ({{ selects | join(' union all ') }}) as stored
{%- endmacro %}

{# The service's features with the types that they are compared in, each of which holds all that JSON may spell. #}
{% macro compared_columns(contract) %}
    {%- set columns = [] -%}
    {%- for feature in contract.features -%}
        {%- set type = asof.parse_type(feature.type).name or feature.type -%}
        {%- do columns.append({'name': feature.name, 'type': asof.finest_decimal(type) | replace('float', 'double')}) -%}
    {%- endfor -%}
    {{- return(columns) -}}
{% endmacro %}

{# A decimal, or list of them, with as many digits after the point as leave room for those before it; another type as it is. #}
{% macro finest_decimal(type) %}
    {%- set match = modules.re.match('^decimal\((\d+),(\d+)\)', type) -%}
    {%- if not match -%}{{- return(type) -}}{%- endif -%}
    {%- set digits = asof.column_types().decimal.digits -%}
    {{- return('decimal(' ~ digits ~ ',' ~ (digits - (match.group(1) | int) + (match.group(2) | int)) ~ ')' ~ type[match.end():]) -}}
{% endmacro %}

{# Checks for the service test: that no answer compared since the last such test differs, and that enough of them could be compared. #}
{% macro parity_checks(spec) %}
    {%- if asof.request_log_folder() is none -%}{{- return([]) -}}{%- endif -%}
    {%- set floor = var('asof_parity_floor', 0.95) -%}
    {%- set untold = ' from ' ~ asof.registry('requests') ~ " where service_id = '" ~ spec.id ~ "' and run_id is null and accepted is null and " -%}
    {{- return([
        {'rule': 'an answer of the API differs from what history gives (parity)',
            'sql': "select request_id || '/' || row_number as logged, differences" ~ untold ~ "parity = 'different'"},
        {'rule': 'fewer than ' ~ floor ~ ' of the logged answers can be compared with history (parity)',
            'sql': "select * from (select count(*) as logged, count(*) filter (where parity in ('same', 'different')) as compared" ~ untold
                ~ "parity not like 'not comparable%') as counted where compared < " ~ floor ~ ' * logged'},
    ]) -}}
{% endmacro %}

{# Says what was found of each service whose test has run, notes that it was said, and publishes it. #}
{% macro tell_parity(results) %}
    {%- if asof.request_log_folder() is none -%}{{- return(none) -}}{%- endif -%}
    {%- set requests, told = asof.registry('requests'), [] -%}
    {%- for result in results if result.node.resource_type == 'test' and result.node.test_metadata and result.node.test_metadata.name == 'service'
            and result.status | string in ['pass', 'fail'] -%}
        {%- set untold = " where service_id = '" ~ asof.versioned_id(graph.nodes[result.node.attached_node]) ~ "' and run_id is null and parity is not null" -%}
        {%- set counts = [] -%}
        {%- for row in run_query('select parity, count(*) from ' ~ requests ~ untold ~ ' group by 1 order by 1 desc').rows -%}{%- do counts.append(row[1] ~ ' ' ~ row[0]) -%}{%- endfor -%}
        {%- if counts -%}
            {%- do asof.say('parity of ' ~ asof.versioned_id(graph.nodes[result.node.attached_node]) ~ ', logged answers against history: ' ~ counts | join('; ') ~ '.') -%}
            {%- do run_query('update ' ~ requests ~ " set run_id = '" ~ invocation_id ~ "'" ~ untold) -%}
            {%- do told.append(counts) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if told -%}{%- do asof.publish_parity() -%}{%- endif -%}
{% endmacro %}

{#
  `dbt run-operation accept_difference --args '{service: late_delivery@1, reason: "the feed of 3 May was restored"}'`: the
  differences found of a service that nobody accepted yet, or those of one request (`request_id: ...`), are accepted. They
  stay on record with both values, and the reason beside them.
#}
{% macro accept_difference(reason, service=none, request_id=none) %}
    {%- if not execute -%}{{- return('') -}}{%- endif -%}
    {%- do asof.open_records() -%}
    {%- if service is none and request_id is none -%}
        {{- asof.refuse('accept_difference needs to know which: --args \'{service: <name>@<version>, reason: "..."}\', or request_id for one request.') -}}
    {%- endif -%}
    {%- set open = [] -%}
    {%- do open.append("parity = 'different' and accepted is null") -%}
    {%- if service is not none -%}{%- do open.append('service_id = ' ~ asof.literal(service)) -%}{%- endif -%}
    {%- if request_id is not none -%}{%- do open.append('request_id = ' ~ asof.literal(request_id)) -%}{%- endif -%}
    {%- set where = ' where ' ~ open | join(' and ') -%}
    {%- set count = run_query('select count(*) from ' ~ asof.registry('requests') ~ where).rows[0][0] | int -%}
    {%- if count == 0 -%}
        {{- asof.refuse('there is no open difference of ' ~ (request_id or service) ~ ": select * from asof_requests where parity = 'different' and accepted is null.") -}}
    {%- endif -%}
    {%- do run_query('update ' ~ asof.registry('requests') ~ ' set accepted = ' ~ asof.literal(reason) ~ ', accepted_at = ' ~ asof.sql_time(asof.wall_clock()) ~ where) -%}
    {%- do asof.publish_parity() -%}
    {%- do asof.say('accepted ' ~ count ~ ' logged answers that differ from history: ' ~ reason) -%}
{% endmacro %}
