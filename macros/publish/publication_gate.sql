{#
  What of the warehouse may be published: {reason} says why nothing may, else {components} are those of the project
  (asof.components), each with the reason why it is held, or with `entries` of its groups, [{spec, as_of, run_id,
  definition}], and `manifests` of its services, by id. The rule: every model of a component, and all that they are
  made of, was built by one and the same normal run, the last one, from the text that the project has now; no later
  command was interrupted; and every test on them passed on exactly those tables. So a partial run publishes the
  components that it covers whole.
#}
{% macro publication_gate() %}
    {%- set built = asof.last_build() -%}
    {%- if built is none -%}{{- return({'reason': 'nothing was built yet; run `dbt build`.'}) -}}{%- endif -%}
    {%- if built.kind != 'normal' -%}
        {%- set kinds = {'backfill': 'a backfill', 'held': 'made before the hold was released',
            'lost': 'made before the loss was accepted', 'cutoff': 'made under asof_training_cutoff'} -%}
        {{- return({'reason': 'the last run was ' ~ kinds.get(built.kind, 'made with --empty or --sample')
            ~ '; run `dbt build`.'}) -}}
    {%- endif -%}
    {%- set interrupted_sql %}
        select run_id
        from {{ asof.registry('runs') }}
        where
            run_number >= {{ built.run_number }}
            and finished_at is null
            and command <> 'test'
            and run_id <> '{{ invocation_id }}'
    {%- endset -%}
    {%- set interrupted = run_query(interrupted_sql).rows -%}
    {%- if interrupted | length -%}
        {{- return({'reason': 'the run ' ~ interrupted[0][0]
            ~ ' was interrupted and may have left tables half built; run `dbt build`.'}) -}}
    {%- endif -%}
    {%- set components = asof.components() -%}
    {%- if not components | map(attribute='groups') | sum(start=[]) -%}
        {{- return({'reason': 'there is no feature group to publish. Write one (asof new feature), or take '
            ~ '`publish: false` out of its meta.'}) -}}
    {%- endif -%}
    {%- set results = asof.last_results() -%}
    {%- set all_models = asof.publication_scope(components | map(attribute='models') | sum(start=[])).models -%}
    {%- for component in components if component.reason is none -%}
        {%- set scope = asof.publication_scope(component.models, beside=all_models) -%}
        {%- set why = asof.why_not_green(scope, built, results) -%}
        {%- if why is not none -%}
            {%- do component.update(why) -%}
        {%- else -%}
            {%- do component.update(asof.entries_of(component, built)) -%}
        {%- endif -%}
    {%- endfor -%}
    {{- return({'reason': none, 'components': components}) -}}
{% endmacro %}

{#
  {entries, manifests}: of a component's groups the newest moment of each that counts with this publication, of its
  services what the manifest says of them; or why it is held.
#}
{% macro entries_of(component, built) %}
    {%- set entries = [] -%}
    {%- for spec in component.groups -%}
        {%- set moment_sql %}
            select as_of, run_id, counted_before
            from {{ asof.registry('moments') }}
            where group_id = '{{ spec.id }}' and run_id = '{{ built.run_id }}'
        {%- endset -%}
        {%- set moment = run_query(moment_sql).rows -%}
        {%- if moment | length == 0 -%}
            {#- its moment counted already: the newest one that counts stands -#}
            {%- set counted_sql %}
                select as_of, run_id
                from {{ asof.registry('counted_moments') }}
                where group_id = '{{ spec.id }}' and kind = 'build'
                order by as_of desc
                limit 1
            {%- endset -%}
            {%- set moment = run_query(counted_sql).rows -%}
            {%- if moment | length == 0 -%}
                {{- return({'reason': spec.id ~ ' has no recorded moment; run `dbt build`.', 'is_failure': true}) -}}
            {%- endif -%}
        {%- elif moment[0][2] | int != asof.counted_span(spec.id).moments
                and not asof.has_run('publications', spec.id, built.run_id) -%}
            {{- return({'reason': 'the moments of ' ~ spec.id
                ~ ' that count changed after this run compared with them (a backfill completed meanwhile?). '
                ~ 'Run `dbt build` again.', 'is_failure': true}) -}}
        {%- endif -%}
        {%- do entries.append({'spec': spec, 'as_of': asof.time_literal(moment[0][0]), 'run_id': moment[0][1],
            'definition': asof.definition_in_force(spec.id)}) -%}
    {%- endfor -%}
    {%- set manifests = {} -%}
    {%- for spec in component.services -%}
        {%- do manifests.update({spec.id: asof.service_manifest(spec)}) -%}
    {%- endfor -%}
    {{- return({'entries': entries, 'manifests': manifests}) -}}
{% endmacro %}
