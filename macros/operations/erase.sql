{#
  `dbt run-operation erase --args '{entity: customers, key: {customer_id: C-031}, reason: "request 117"}'`: the one
  exception to append-only. Removes every row of one entity from the history of all groups on it, from observed models
  that have its key, and from the entity's memory, takes the values that only it had out of the profiles, empties the
  rows of the request log that name its key (hashed ones too, by the secret's file), and keeps that it happened (not
  whom). Take the person out of the sources first, or the
  next build sees them again; then build, and prune the snapshots that still hold them.
#}
{% macro erase(entity, key, reason) %}
    {%- if not execute -%}{{- return('') -}}{%- endif -%}
    {%- do asof.open_records() -%}
    {%- set node = asof.model_named(entity) -%}
    {%- if node is none or asof.role(node) != 'entity' -%}
        {{- asof.refuse('there is no entity ' ~ entity ~ '. There are: '
            ~ asof.models_of('entity') | map(attribute='name') | join(', ') ~ '.') -}}
    {%- endif -%}
    {%- set keys = asof.entity_keys(node) -%}
    {%- if key is not mapping or key.keys() | sort | list != keys | sort | list -%}
        {{- asof.refuse('the key of ' ~ entity ~ ' is ' ~ keys | join(', ') ~ '; say all of it: --args \'{entity: '
            ~ entity ~ ', key: {' ~ keys[0] ~ ': ...}, reason: ...}\'.') -}}
    {%- endif -%}
    {%- set conditions = [] -%}
    {%- for name in keys -%}{%- do conditions.append(name ~ ' = ' ~ asof.literal(key[name])) -%}{%- endfor -%}
    {%- set condition = conditions | join(' and ') -%}
    {%- set key_types, holding = {}, [] -%}
    {%- set deletions, unrecorded = ['delete from ' ~ asof.relation_of(node) ~ ' where ' ~ condition], [] -%}
    {%- for group in asof.models_of('group') -%}
        {%- set spec = asof.group_spec_of(group) -%}
        {%- if spec.entity.unique_id == node.unique_id -%}
            {%- for column in spec['keys'] -%}{%- do key_types.update({column.name: column.type}) -%}{%- endfor -%}
        {%- endif -%}
        {%- if spec.entity.unique_id == node.unique_id and load_relation(spec.history) is not none -%}
            {%- do unrecorded.append(asof.unrecord_sql(spec, condition)) -%}
            {%- do holding.append({'relation': spec.history,
                'columns': spec.features | map(attribute='name') | list}) -%}
            {%- do deletions.append('delete from ' ~ spec.history ~ ' where ' ~ condition) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for event in asof.models_of('event') if event.config.materialized == 'observed'
        and load_relation(asof.relation_of(event)) is not none -%}
        {%- set observed_keys = [event.config.unique_key] if event.config.unique_key is string
            else event.config.unique_key -%}
        {%- if keys | reject('in', observed_keys) | list | length == 0 -%}
            {%- do holding.append({'relation': asof.relation_of(event),
                'columns': asof.columns_of(asof.relation_of(event)).keys() | reject('in', observed_keys) | list}) -%}
            {%- do deletions.append('delete from ' ~ asof.relation_of(event) ~ ' where ' ~ condition) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set named = [] -%}
    {%- for name in keys -%}
        {%- set type = key_types.get(name, 'varchar') -%}
        {%- set text = asof.answer_text('cast(' ~ asof.literal(key[name]) ~ ' as ' ~ type ~ ')', type) -%}
        {%- set spellings = [text] + ([asof.pseudonym(text, asof.request_log_key())]
            if asof.request_log_key() is not none else []) -%}
        {%- do named.append(asof.json_text('line', 'request', name) ~ ' in (' ~ spellings | join(', ') ~ ')') -%}
    {%- endfor -%}
    {#- emptied, not deleted: from files that are still there they would be taken in again -#}
    {%- set emptied -%}
        update {{ asof.registry('requests') }}
        set line = null, status = null, prediction_time = null, differences = null, parity = 'erased',
            run_id = coalesce(run_id, '{{ invocation_id }}')
        where {{ named | join(' and ') }}
    {%- endset -%}
    {%- set sql -%}
        select count(*)
        from {{ asof.registry('requests') }}
        where {{ named | join(' and ') }}
    {%- endset -%}
    {%- set logged = run_query(sql).rows[0][0] | int -%}
    {%- set unprofiled = asof.erase_values_sql(holding, condition) -%}
    {%- do asof.run_together(unprofiled + unrecorded + deletions + [emptied, asof.insert_sql('accepted',
        [[entity, 'erasure', reason, asof.wall_clock()]])]) -%}
    {%- do asof.say('erased one of ' ~ entity ~ ' from ' ~ (deletions | length - 1)
        ~ ' histories and observed models, and ' ~ logged ~ ' logged requests. Now `dbt build`, then `asof prune '
        ~ '--keep 1`.') -%}
{% endmacro %}
