{#
  For `asof build --engine`: prints what an engine is to hand over, as JSON: {as_of, kind, moments, samples, select,
  stay, lives, groups, examples, events, show}. moments: those of this run, as time literals; samples: past moments to
  replay. show: the published folder whose latest rows the engine shows too, or none.
  select: models, seeds and tests for the engine, as dbt selects them; stay: those of them that do not run on DuckDB.
  lives: by entity, its keys with types, its counted lives as CSV in `folder`, and whether its moment counts already.
  groups, examples, events: by unique_id; events with the moments that known rows are to be counted at.
#}
{% macro handover_plan(folder) %}
    {%- if not execute -%}{{- return('') -}}{%- endif -%}
    {%- do asof.check_configuration() -%}
    {%- do asof.open_records() -%}
    {%- do asof.check_project() -%}
    {%- set roles = ['event', 'entity', 'group', 'examples'] -%}
    {%- set roots = [] -%}
    {%- for role in roles -%}{%- do roots.extend(asof.models_of(role)) -%}{%- endfor -%}
    {%- set ids = roots | map(attribute='unique_id') | list -%}
    {%- for unique_id in asof.lineage_of(roots) if unique_id not in ids and unique_id in graph.nodes
        and asof.role(graph.nodes[unique_id]) != 'clock' -%}
        {%- do ids.append(unique_id) -%}
    {%- endfor -%}
    {%- set select, stay, relations = [], [], {} -%}
    {%- for unique_id in ids -%}
        {%- set node = graph.nodes[unique_id] -%}
        {%- set role = asof.role(node) -%}
        {%- set name = node.name ~ ('.v' ~ node.version if node.version else '') -%}
        {%- if node.config.materialized == 'ephemeral' -%}
            {{- asof.refuse(node.original_file_path ~ ': ' ~ node.name ~ ' is ephemeral, and an engine hands over '
                ~ 'relations. Write `config: {materialized: view}`.') -}}
        {%- endif -%}
        {%- set selector = asof.selector_of(node) -%}
        {%- do select.append(selector) -%}
        {%- if role not in ['entity', 'group'] -%}{%- do stay.append(selector) -%}{%- endif -%}
        {%- do relations.update({unique_id: {'name': name, 'selector': selector,
            'role': role or node.resource_type | string, 'checksum': node.checksum.checksum}}) -%}
    {%- endfor -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'test' -%}
        {%- set outside = [] -%}
        {%- for parent in node.depends_on.nodes if parent not in ids -%}{%- do outside.append(parent) -%}{%- endfor -%}
        {#- groups and examples are tested as they are published and trained on: on DuckDB -#}
        {%- if not outside and node.depends_on.nodes
                and (node.get('test_metadata') or {}).get('name') not in ['feature_group', 'examples'] -%}
            {%- set selector = asof.selector_of(node) -%}
            {%- do select.append(selector) -%}
            {#- what reads nothing that stays runs on DuckDB too -#}
            {%- for parent in node.depends_on.nodes if relations[parent].role not in ['entity', 'group']
                and selector not in stay -%}
                {%- do stay.append(selector) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endfor -%}
    {#-
      The newest one, which a change of engine is compared at, and others by lot. None in a backfill: it lies before all
      of them, and examples end with the last moment of the clock.
    -#}
    {%- set samples_sql -%}
        select as_of
        from (
            select distinct as_of, as_of = max(as_of) over () as is_newest
            from {{ asof.registry('counted_moments') }}
        ) as counted
        order by is_newest desc, random()
        limit 8
    {%- endset -%}
    {%- set samples = [] -%}
    {%- for row in run_query(samples_sql).rows if asof.backfill_range() is none -%}
        {%- do samples.append(asof.time_literal(row[0])) -%}
    {%- endfor -%}
    {%- set specs = asof.group_specs() -%}
    {%- set moments = asof.run_moments() -%}
    {%- for spec in specs -%}
        {%- do relations[spec.node.unique_id].update({'columns': asof.typed_columns(spec['keys']
            + [{'name': 'as_of', 'type': 'timestamptz'}] + spec.features)}) -%}
        {%- for event in spec.events -%}
            {%- set known_at = relations[event.unique_id].setdefault('known_at', []) -%}
            {%- for moment in moments + asof.moments_to_count(spec, event) if moment not in known_at -%}
                {%- do known_at.append(moment) -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- for node in asof.models_of('entity') -%}
        {%- set keys = asof.entity_keys(node) -%}
        {%- set file = node.name ~ '.csv' -%}
        {%- set table = asof.relation_of(node) -%}
        {%- if load_relation(table) is not none and 'asof_seen_in_run'
            in adapter.get_columns_in_relation(load_relation(table)) | map(attribute='name') -%}
            {%- do run_query('copy (' ~ asof.remembered_lives_sql(keys, node.name, table) ~ ") to '" ~ folder ~ '/'
                ~ file ~ "' (format csv, header false, force_quote *, nullstr '')") -%}
        {%- endif -%}
        {%- set typed = {} -%}
        {%- for key in keys -%}{%- do typed.update({key: 'text'}) -%}{%- endfor -%}
        {%- for spec in specs if spec.entity.unique_id == node.unique_id -%}
            {%- do typed.update(asof.typed_columns(spec['keys'])) -%}
        {%- endfor -%}
        {%- do relations[node.unique_id].update({'keys': typed, 'lives': file,
            'is_counted': asof.is_counted_moment_of(node.name)}) -%}
    {%- endfor -%}
    {%- do print(tojson({'as_of': asof.run_as_of(), 'kind': 'build' if asof.backfill_range() is none else 'backfill',
        'show': asof.publish_folder() if var('asof_latest_in_engine', false) else none,
        'clock': asof.models_of('clock')[0].unique_id,
        'moments': moments, 'samples': samples, 'select': select, 'stay': stay, 'relations': relations})) -%}
{% endmacro %}
