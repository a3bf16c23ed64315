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
        {{- return({'reason': 'the last run was ' ~ {'backfill': 'a backfill', 'held': 'made before the hold was released', 'lost': 'made before the loss was accepted', 'cutoff': 'made under asof_training_cutoff'}.get(built.kind, 'made with --empty or --sample') ~ '; run `dbt build`.'}) -}}
    {%- endif -%}
    {%- set interrupted = run_query('select run_id from ' ~ asof.registry('runs') ~ ' where run_number >= ' ~ built.run_number
        ~ " and finished_at is null and command <> 'test' and run_id <> '" ~ invocation_id ~ "'").rows -%}
    {%- if interrupted | length -%}
        {{- return({'reason': 'the run ' ~ interrupted[0][0] ~ ' was interrupted and may have left tables half built; run `dbt build`.'}) -}}
    {%- endif -%}

    {%- set groups, services = [], [] -%}
    {%- for node in asof.models_of('group') if asof.is_published(node) -%}{%- do groups.append(asof.group_spec_of(node)) -%}{%- endfor -%}
    {%- for node in asof.models_of('service') if asof.is_published(node) -%}{%- do services.append(asof.service_spec_of(node)) -%}{%- endfor -%}
    {%- if not groups -%}{{- return({'reason': 'there is no feature group to publish. Write one (asof new feature), or take `publish: false` out of its meta.'}) -}}{%- endif -%}
    {%- set group_ids = groups | map(attribute='id') | list -%}
    {%- for service in services -%}
        {%- for group in service.groups if group.group not in group_ids -%}
            {{- return({'reason': service.id ~ ' reads ' ~ group.group ~ ', which says publish: false. Say so of ' ~ service.id ~ ' too, or publish the group.'}) -}}
        {%- endfor -%}
    {%- endfor -%}

    {%- set reason = asof.why_not_green(asof.publication_scope(groups, services), built) -%}
    {%- if reason -%}{{- return({'reason': reason}) -}}{%- endif -%}

    {%- set ready = [] -%}
    {%- for spec in groups -%}
        {%- set counted = asof.counted_span(spec.id) -%}
        {%- set moment = run_query("select as_of, run_id, counted_before, definition from " ~ asof.registry('moments') ~ " where group_id = '" ~ spec.id
            ~ "' and run_id = '" ~ built.run_id ~ "'").rows -%}
        {%- if moment | length == 0 -%}
            {#- its moment counted already: the newest one that counts stands -#}
            {%- set moment = run_query("select as_of, run_id, null, definition from " ~ asof.registry('counted_moments') ~ " where group_id = '" ~ spec.id
                ~ "' and kind = 'build' order by as_of desc limit 1").rows -%}
            {%- if moment | length == 0 -%}
                {{- return({'reason': spec.id ~ ' has no recorded moment; run `dbt build`.'}) -}}
            {%- endif -%}
        {%- elif moment[0][2] | int != counted.moments and not asof.is_published_run(spec.id, built.run_id) -%}
            {{- return({'reason': 'the moments of ' ~ spec.id ~ ' that count changed after this run compared with them (a backfill completed meanwhile?). Run '
                ~ '`dbt build` again.'}) -}}
        {%- endif -%}
        {%- do ready.append({'spec': spec, 'as_of': asof.time_literal(moment[0][0]), 'run_id': moment[0][1], 'definition': asof.definition_in_force(spec.id)}) -%}
    {%- endfor -%}
    {{- return({'reason': none, 'groups': ready, 'services': services}) -}}
{% endmacro %}

{#
  Why the models and tests of a scope are not green, or none: each model was built by the run `built`, and each test passed
  since, on those very tables.
#}
{% macro why_not_green(scope, built) %}
    {%- set results = {} -%}
    {%- for row in run_query('select unique_id, status, run_number, run_id, resource_type, tested from ' ~ asof.registry('results')).rows -%}
        {%- do results.update({row[0]: {'status': row[1], 'run_number': row[2] | int, 'run_id': row[3], 'resource_type': row[4], 'tested': row[5]}}) -%}
    {%- endfor -%}
    {%- set missing, failed, skipped = [], [], [] -%}
    {%- for unique_id in scope.models -%}
        {%- set result = results.get(unique_id) -%}
        {%- if result is none or result.run_id != built.run_id -%}{%- do missing.append(unique_id.split('.')[2:] | join('.')) -%}
        {%- elif result.status == 'skipped' -%}{%- do skipped.append(unique_id.split('.')[2:] | join('.')) -%}
        {%- elif result.status != 'success' -%}{%- do failed.append(unique_id.split('.')[2:] | join('.')) -%}{%- endif -%}
    {%- endfor -%}
    {#- what failed comes first: what is missing for that reason is no choice of a selection -#}
    {%- if failed -%}
        {{- return('failed: ' ~ asof.some(failed) ~ ' (dbt says why). The snapshot before stays.') -}}
    {%- endif -%}
    {%- set untested, red = [], [] -%}
    {%- for unique_id in scope.tests -%}
        {%- set result = results.get(unique_id) -%}
        {%- set name = graph.nodes[unique_id].name -%}
        {%- if result is none or result.run_number < built.run_number or result.status == 'skipped' -%}{%- do untested.append(name) -%}
        {%- elif result.status not in ['pass', 'warn'] -%}{%- do red.append(name) -%}{%- endif -%}
    {%- endfor -%}
    {%- for unique_id, result in results.items() if result.resource_type == 'unit_test' and result.run_number >= built.run_number
            and result.status not in ['pass', 'success', 'warn'] and result.tested in scope.models -%}
        {%- do red.append(unique_id.split('.')[2:] | join('.')) -%}
    {%- endfor -%}
    {%- if red -%}{{- return('failed tests: ' ~ asof.some(red) ~ '. The snapshot before stays.') -}}{%- endif -%}
    {%- if skipped -%}
        {%- set broken = [] -%}
        {%- for unique_id, result in results.items() if result.run_id == built.run_id and result.status in ['fail', 'error'] -%}
            {%- do broken.append(unique_id.split('.')[2] if result.resource_type == 'test' else unique_id.split('.')[2:] | join('.')) -%}
        {%- endfor -%}
        {{- return('not built: ' ~ asof.some(skipped) ~ ', since something before them failed: ' ~ asof.some(broken)
            ~ '. The snapshot before stays.') -}}
    {%- endif -%}
    {%- if missing -%}
        {{- return('all groups and services go in one rhythm, and the last run built only a part. Not in it: ' ~ asof.some(missing)
            ~ '. Run `dbt build` without a selection, or mark what is under construction with publish: false.') -}}
    {%- endif -%}
    {%- if untested -%}
        {{- return('not tested since these tables were built: ' ~ asof.some(untested) ~ '. Run `dbt test`.') -}}
    {%- endif -%}
    {{- return(none) -}}
{% endmacro %}

{% macro is_published_run(group_id, run_id) %}
    {{- return(run_query("select count(*) from " ~ asof.registry('publications') ~ " where group_id = '" ~ group_id ~ "' and run_id = '" ~ run_id ~ "'").rows[0][0] > 0) -}}
{% endmacro %}

{#
  {models, tests}: the models that a publication is made of (the groups' and services' own, with all their ancestors) and
  the tests on any of them. What belongs only to something under construction, or to nothing of ours, is not in it.
#}
{% macro publication_scope(groups, services) %}
    {%- set roots = [] -%}
    {%- for group in groups -%}{%- do roots.extend([group.history_node.unique_id, group.latest_node.unique_id]) -%}{%- endfor -%}
    {%- for service in services -%}
        {%- do roots.append(service.node.unique_id) -%}
        {%- set training = asof.model_named(service.base ~ '_training') -%}
        {%- if training is not none -%}{%- do roots.append(training.unique_id) -%}{%- endif -%}
    {%- endfor -%}
    {%- set models = [] -%}
    {%- set ns = namespace(frontier=roots) -%}
    {%- for _ in range(1000) if ns.frontier -%}
        {%- set next_ = [] -%}
        {%- for unique_id in ns.frontier if unique_id in graph.nodes and unique_id not in models and graph.nodes[unique_id].resource_type == 'model' -%}
            {%- do models.append(unique_id) -%}
            {%- do next_.extend(graph.nodes[unique_id].depends_on.nodes) -%}
        {%- endfor -%}
        {%- set ns.frontier = next_ -%}
    {%- endfor -%}
    {%- set built, tests = [], [] -%}
    {%- for unique_id in models if graph.nodes[unique_id].config.materialized != 'ephemeral' -%}{%- do built.append(unique_id) -%}{%- endfor -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'test' -%}
        {%- set on = node.depends_on.nodes | select('in', models) | list -%}
        {%- set under_construction = namespace(found=false) -%}
        {%- for unique_id in node.depends_on.nodes if unique_id not in models and unique_id in graph.nodes and asof.role(graph.nodes[unique_id]) is not none -%}
            {%- set under_construction.found = true -%}
        {%- endfor -%}
        {%- if (on and not under_construction.found) or not node.depends_on.nodes -%}{%- do tests.append(node.unique_id) -%}{%- endif -%}
    {%- endfor -%}
    {{- return({'models': built, 'tests': tests}) -}}
{% endmacro %}

{# A list for a message, cut where it would fill the screen. #}
{% macro some(names) %}
    {{- return((names | sort)[:8] | join(', ') ~ (' and ' ~ (names | length - 8) ~ ' more' if names | length > 8 else '')) -}}
{% endmacro %}
