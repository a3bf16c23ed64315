{#
  Parity: what the API answered against what history gives. The shim's request log is taken into the record asof_requests as
  a command starts; the service test rebuilds each newly logged row by the training path, and as the command ends each
  row is kept with what was found. A difference is reported once: by the run that met it.

  Two questions, kept apart. Is the answer what the publication that it names must give? And was that publication the
  current one then, or replaced no longer ago than the shim may take to pick the next one up (var asof_pickup)?
#}

{# Where the shim writes its request log, as this target sees it, or none: `vars: {asof_request_log: {<target name>: <folder>}}`. #}
{% macro request_log_folder() %}
    {%- set folders = var('asof_request_log', {}) -%}
    {%- if target.name not in folders -%}{{- return(none) -}}{%- endif -%}
    {{- return(env_var('ASOF_REQUEST_LOG', '') or folders[target.name]) -}}
{% endmacro %}

{# Takes newly logged rows into the record. #}
{% macro take_in_request_log() %}
    {%- set folder = asof.request_log_folder() -%}
    {%- if folder is none or not asof.file_exists(folder ~ '/*.jsonl') -%}{{- return(none) -}}{%- endif -%}
    {%- do run_query("insert into " ~ asof.registry('requests') ~ " select log.*, null, null, null from " ~ asof.request_log(folder) ~ " as log left join "
        ~ asof.registry('requests') ~ " as known on known.request_id = log.request_id and known.row_number = log.row_number where known.request_id is null") -%}
{% endmacro %}

{#
  Per newly logged row of a service: request_id, row_number, what differs, what was answered and what is rebuilt; one row for
  each thing that differs, and one with `what` null where nothing does. `not_compared` says why a row was not.
#}
{% macro parity_sql(spec) %}
    {%- set manifest = asof.service_manifest(spec) -%}
    {%- set columns = [] -%}
    {%- for column in spec['keys'] + spec.request -%}{%- do columns.append(asof.json_value('request', column) ~ ' as ' ~ column.name) -%}{%- endfor -%}
    {%- set newly_logged = '(select * from ' ~ asof.registry('requests') ~ " where service_id = '" ~ spec.id ~ "' and parity is null and definition = '" ~ manifest.definition ~ "')" -%}
    {%- set examples = "(select request_id || '/' || row_number as row_id, " ~ columns | join(', ') ~ ', prediction_time, sequence_number from ' ~ newly_logged ~ ' as log) as logged' -%}
    {{ asof.looked_up_sql(spec, examples, has_sequence_number=true) }},
    rebuilt as (
        {{ manifest.sql }}
    ),
    -- the publication that was current when it was asked, and since when
    current_one as (
        select log.request_id, log.row_number, publication.sequence_number, publication.published_at
        from {{ newly_logged }} as log
        {{ asof.asof_left_join('publication', 'publication', 'log.prediction_time', 'publication.published_at') }}
    ),
    pair as (
        select log.*, rebuilt.row_id is not null as is_rebuilt, rebuilt.status as rebuilt_status, rebuilt.rejected_columns
            {%- for group in spec.groups %}, rebuilt.{{ group.name }}_status{% endfor %}
            {%- for feature in spec.features %}, rebuilt.{{ feature.name }}{% endfor %},
            current_one.sequence_number as current_number, current_one.published_at as current_since
        from {{ newly_logged }} as log
        left join rebuilt on rebuilt.row_id = log.request_id || '/' || log.row_number
        left join current_one on current_one.request_id = log.request_id and current_one.row_number = log.row_number
    ),
    difference as (
        select request_id, row_number, 'status' as what, status as answered, rebuilt_status as rebuilt
        from pair
        where is_rebuilt and status is distinct from rebuilt_status
        union all
        select request_id, row_number, 'rejected', rejected, rejected_columns
        from pair
        where is_rebuilt and {{ asof.json_list_text('rejected') }} is distinct from rejected_columns
        union all
        select request_id, row_number, 'publication', cast(sequence_number as varchar), cast(current_number as varchar)
        from pair
        where
            is_rebuilt
            and sequence_number is distinct from current_number
            and prediction_time > current_since + interval '{{ asof.seconds(var('asof_pickup', '5 seconds'), 'the var asof_pickup') }} seconds'
        {%- for group in spec.groups %}
        union all
        select request_id, row_number, 'status of {{ group.name }}', {{ asof.json_value('groups', {'name': group.name, 'type': 'varchar'}) }}, {{ group.name }}_status
        from pair
        where is_rebuilt and {{ asof.json_value('groups', {'name': group.name, 'type': 'varchar'}) }} is distinct from {{ group.name }}_status
        {%- endfor %}
        {%- for feature in spec.features %}
        union all
        select request_id, row_number, '{{ feature.name }}', {{ asof.json_text('features', feature.name) }}, cast({{ feature.name }} as varchar)
        from pair
        where
            is_rebuilt
            and (
                {{ asof.answered_differs(feature) }}
                or not {{ asof.json_is_of_type('features', feature) }}
            )
        {%- endfor %}
    )
    select
        pair.request_id,
        pair.row_number,
        difference.what,
        difference.answered,
        difference.rebuilt,
        case when not pair.is_rebuilt then 'its publication is not on record' end as not_compared
    from pair
    left join difference on difference.request_id = pair.request_id and difference.row_number = pair.row_number
{% endmacro %}

{# Whether an answered value is not the one rebuilt. (JSON numbers with a point are read as doubles, so decimals are compared as such.) #}
{% macro answered_differs(feature) -%}
    {%- set is_decimal = modules.re.match('^(dec|num)', feature.type) and '[' not in feature.type -%}
    {%- set compared = {'name': feature.name, 'type': 'double' if is_decimal else feature.type} -%}
    {{ asof.json_value('features', compared) }} is distinct from {{ 'cast(' ~ feature.name ~ ' as double)' if is_decimal else feature.name }}
{%- endmacro %}

{# Whether the log holds hashes in place of keys or request columns, from which no answer can be rebuilt yet. #}
{% macro logs_hashes(spec) %}
    {%- for column in spec['keys'] + spec.request if asof.is_personal(column) -%}{{- return(true) -}}{%- endfor -%}
    {{- return(false) -}}
{% endmacro %}

{# Checks for the service test: that no newly logged answer differs, and that enough of them could be compared. #}
{% macro parity_checks(spec) %}
    {%- if asof.request_log_folder() is none or not asof.newly_logged(spec) or asof.logs_hashes(spec) -%}{{- return([]) -}}{%- endif -%}
    {%- set floor = var('asof_parity_floor', 0.95) -%}
    {{- return([
        {'rule': 'an answer of the API differs from what history gives (parity)',
            'sql': "select request_id || '/' || row_number as logged, what, answered, rebuilt from (" ~ asof.parity_sql(spec) ~ ') as parity where what is not null'},
        {'rule': 'fewer than ' ~ floor ~ ' of the logged answers can be compared with history (parity)',
            'sql': 'select logged, compared from (select count(*) as logged, count(*) filter (where not_compared is null) as compared from (select distinct request_id, '
                ~ 'row_number, not_compared from (' ~ asof.parity_sql(spec) ~ ') as parity) as row) as counted where compared < ' ~ floor ~ ' * logged'},
    ]) -}}
{% endmacro %}

{# How many newly logged rows of a service there are. #}
{% macro newly_logged(spec) %}
    {{- return(run_query("select count(*) from " ~ asof.registry('requests') ~ " where service_id = '" ~ spec.id ~ "' and parity is null").rows[0][0] | int) -}}
{% endmacro %}

{# Keeps what was found of the newly logged rows of each service whose test has run, and says it. #}
{% macro keep_parity(results) %}
    {%- if asof.request_log_folder() is none -%}{{- return(none) -}}{%- endif -%}
    {%- set requests = asof.registry('requests') -%}
    {%- for result in results if result.node.resource_type == 'test' and result.node.test_metadata and result.node.test_metadata.name == 'service'
            and result.status | string in ['pass', 'fail'] -%}
        {%- set spec = asof.service_spec_of(graph.nodes[result.node.attached_node]) -%}
        {%- if asof.newly_logged(spec) -%}
            {%- set updates = [] -%}
            {%- if not asof.logs_hashes(spec) -%}
                {%- do updates.append('update ' ~ requests ~ " as log set run_id = '" ~ invocation_id ~ "', parity = found.parity, differences = found.differences "
                    ~ "from (select request_id, row_number, coalesce(max('not compared: ' || not_compared), case when count(what) > 0 then 'different' else 'same' end) "
                    ~ 'as parity, ' ~ asof.joined_text("what || ': answered ' || coalesce(answered, 'null') || ', history gives ' || coalesce(rebuilt, 'null')", 'what')
                    ~ ' as differences from (' ~ asof.parity_sql(spec) ~ ') as parity group by request_id, row_number) as found '
                    ~ 'where log.request_id = found.request_id and log.row_number = found.row_number') -%}
            {%- endif -%}
            {%- set why = 'personal values are hashed' if asof.logs_hashes(spec) else 'answered by another definition' -%}
            {%- do updates.append('update ' ~ requests ~ " set run_id = '" ~ invocation_id ~ "', parity = 'not compared: " ~ why ~ "' where service_id = '" ~ spec.id
                ~ "' and parity is null") -%}
            {%- do asof.run_together(updates) -%}
            {%- set counts = [] -%}
            {%- for row in run_query('select parity, count(*) from ' ~ requests ~ " where run_id = '" ~ invocation_id ~ "' and service_id = '" ~ spec.id
                    ~ "' group by 1 order by 1 desc").rows -%}{%- do counts.append(row[1] ~ ' ' ~ row[0]) -%}{%- endfor -%}
            {%- do asof.say('parity of ' ~ spec.id ~ ', logged answers against history: ' ~ counts | join('; ') ~ '.') -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}
