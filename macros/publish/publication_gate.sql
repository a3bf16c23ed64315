{#
  Whether what stands in the warehouse may be published: {reason} says why not, else {groups, services} say what.
  The rule: every group and service that is not under construction, and all they are made of, was built by one and
  the same normal run; no later command was interrupted; and every test on them passed on exactly those tables.
  groups: [{spec, as_of, run_id, definition}].
#}
{% macro publication_gate() %}
    {%- set built = asof.last_build() -%}
    {%- if built is none -%}{{- return({'reason': 'nothing was built yet; run `dbt build`.'}) -}}{%- endif -%}
    {%- if built.kind != 'normal' -%}
        {{- return({'reason': 'the last run was ' ~ {'backfill': 'a backfill', 'held': 'made before the hold was '
            ~ 'released', 'lost': 'made before the loss was accepted', 'cutoff': 'made under '
            ~ 'asof_training_cutoff'}.get(built.kind, 'made with --empty or --sample') ~ '; run `dbt build`.'}) -}}
    {%- endif -%}
    {%- set sql -%}
        select run_id
        from {{ asof.registry('runs') }}
        where run_number >= {{ built.run_number }} and finished_at is null and command <> 'test'
            and run_id <> '{{ invocation_id }}'
    {%- endset -%}
    {%- set interrupted = run_query(sql).rows -%}
    {%- if interrupted | length -%}
        {{- return({'reason': 'the run ' ~ interrupted[0][0] ~ ' was interrupted and may have left tables half '
            ~ 'built; run `dbt build`.'}) -}}
    {%- endif -%}

    {%- set groups, services = [], [] -%}
    {%- for node in asof.models_of('group') if asof.is_published(node) -%}
        {%- do groups.append(asof.group_spec_of(node)) -%}
    {%- endfor -%}
    {%- for node in asof.models_of('service') if asof.is_published(node) -%}
        {%- do services.append(asof.service_spec_of(node)) -%}
    {%- endfor -%}
    {%- if not groups -%}
        {{- return({'reason': 'there is no feature group to publish. Write one (asof new feature), or take '
            ~ '`publish: false` out of its meta.'}) -}}
    {%- endif -%}
    {%- set group_ids = groups | map(attribute='id') | list -%}
    {%- for service in services -%}
        {%- for group in service.groups if group.group not in group_ids -%}
            {{- return({'reason': service.id ~ ' reads ' ~ group.group ~ ', which says publish: false. Say so of '
                ~ service.id ~ ' too, or publish the group.'}) -}}
        {%- endfor -%}
    {%- endfor -%}

    {%- set reason = asof.why_not_green(asof.publication_scope(groups, services), built) -%}
    {%- if reason -%}{{- return({'reason': reason}) -}}{%- endif -%}

    {%- set ready = [] -%}
    {%- for spec in groups -%}
        {%- set counted = asof.counted_span(spec.id) -%}
        {%- set sql -%}
            select as_of, run_id, counted_before, definition
            from {{ asof.registry('moments') }}
            where group_id = '{{ spec.id }}' and run_id = '{{ built.run_id }}'
        {%- endset -%}
        {%- set moment = run_query(sql).rows -%}
        {%- if moment | length == 0 -%}
            {#- its moment counted already: the newest one that counts stands -#}
            {%- set sql -%}
                select as_of, run_id, null, definition
                from {{ asof.registry('counted_moments') }}
                where group_id = '{{ spec.id }}' and kind = 'build'
                order by as_of desc
                limit 1
            {%- endset -%}
            {%- set moment = run_query(sql).rows -%}
            {%- if moment | length == 0 -%}
                {{- return({'reason': spec.id ~ ' has no recorded moment; run `dbt build`.'}) -}}
            {%- endif -%}
        {%- elif moment[0][2] | int != counted.moments and not asof.is_published_run(spec.id, built.run_id) -%}
            {{- return({'reason': 'the moments of ' ~ spec.id ~ ' that count changed after this run compared with '
                ~ 'them (a backfill completed meanwhile?). Run `dbt build` again.'}) -}}
        {%- endif -%}
        {%- do ready.append({'spec': spec, 'as_of': asof.time_literal(moment[0][0]), 'run_id': moment[0][1],
            'definition': asof.definition_in_force(spec.id)}) -%}
    {%- endfor -%}
    {{- return({'reason': none, 'groups': ready, 'services': services}) -}}
{% endmacro %}
