{#
  A feature group: a view with the logic, and its compiled text on record. Refuses, by the engine's own parser, what
  its text must not hold (see check_parsed_sql, check_row_order and check_types).
#}
{% materialization feature_group, default %}
    {%- do asof.check_parents_are_built(model) -%}
    {%- set own_sql = asof.without_ephemeral(model, compiled_code) -%}
    {%- do asof.check_parsed_sql(model, own_sql, 'feature group') -%}
    {%- do asof.create_event_views(model) -%}
    {%- do asof.check_row_order(model, own_sql) -%}
    {%- do asof.check_built_group(asof.group_spec_of(graph.nodes[model.unique_id]), compiled_code) -%}
    {%- do asof.record_definition(model, own_sql) -%}
    {{ return(dbt.materialization_view_default()) }}
{% endmaterialization %}

{# A service: a view with the contract, likewise. #}
{% materialization service, default %}
    {%- do asof.check_parents_are_built(model) -%}
    {%- do asof.check_parsed_sql(model, compiled_code, 'service') -%}
    {%- do asof.check_row_id(model, compiled_code) -%}
    {%- do asof.check_built_types(model.original_file_path ~ ': ' ~ asof.versioned_id(model), asof.declared_columns(model),
        asof.columns_of('(' ~ compiled_code ~ '\n)')) -%}
    {%- do asof.record_definition(model, compiled_code) -%}
    {{ return(dbt.materialization_view_default()) }}
{% endmaterialization %}

{# Refuses a selection that leaves out a model which a group or service reads, and which no run has built yet. #}
{% macro check_parents_are_built(node) %}
    {%- for parent in node.depends_on.nodes if parent in graph.nodes and graph.nodes[parent].config.materialized != 'ephemeral' -%}
        {%- if load_cached_relation(asof.relation_of(graph.nodes[parent])) is none -%}
            {{- asof.refuse(node.original_file_path ~ ': ' ~ asof.versioned_id(node) ~ ' reads ' ~ graph.nodes[parent].name
                ~ ', which was never built in this warehouse. Select it too: `dbt build --select +' ~ node.name ~ '_v'
                ~ node.version ~ '+`.') -}}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}

{# Keeps the compiled SQL of a group or service, with a hash that white space, comments and the warehouse's name leave alone. #}
{% macro record_definition(node, compiled_sql) %}
    {%- if flags.EMPTY or flags.SAMPLE -%}{{- return(none) -}}{%- endif -%}
    {%- set id = asof.versioned_id(node) -%}
    {%- set text = asof.unqualified(node, compiled_sql) -%}
    {%- call statement('forget_definition', auto_begin=true) -%}
        delete from {{ asof.registry('definitions') }} where id = '{{ id }}'
    {%- endcall -%}
    {%- do asof.fault_point('within_definition') -%}
    {%- call statement('record_definition', auto_begin=true) -%}
        {{ asof.insert_sql('definitions', [[id, 'sha256:' ~ asof.sha256(asof.normalised(text)), invocation_id, text]]) }}
    {%- endcall -%}
    {%- do adapter.commit() -%}
    {%- do asof.fault_point('after_definition') -%}
{% endmacro %}

{# Compiled SQL with the models it reads by their bare names. #}
{% macro unqualified(node, compiled_sql) %}
    {%- set out = namespace(sql=compiled_sql) -%}
    {%- for parent in node.depends_on.nodes if parent in graph.nodes -%}
        {%- set relation = asof.relation_of(graph.nodes[parent]) -%}
        {%- set out.sql = out.sql | replace(relation | string, relation.identifier) -%}
    {%- endfor -%}
    {{- return(out.sql | trim) -}}
{% endmacro %}

{# SQL without comments, and with single spaces, but for what stands in quotes, which is left as it is. #}
{% macro normalised(sql) %}
    {%- set quoted_or_comment = '("(?:[^"]|"")*"|\'(?:[^\']|\'\')*\'|--[^\n]*|/\\*.*?\\*/)' -%}
    {%- set out, quoted = [], [] -%}
    {%- for text in modules.re.split(quoted_or_comment, sql, flags=modules.re.DOTALL) -%}
        {%- if text.startswith(('"', "'")) -%}
            {%- do out.append('\x00') -%}
            {%- do quoted.append(text) -%}
        {%- else -%}
            {%- do out.append(' ' if text.startswith(('--', '/*')) else text) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set bare = modules.re.sub('\\s+', ' ', out | join('')) | trim -%}
    {%- set texts = bare.split('\x00') -%}
    {%- set whole = [texts[0]] -%}
    {%- for text in texts[1:] -%}{%- do whole.extend([quoted[loop.index0], text]) -%}{%- endfor -%}
    {{- return(whole | join('')) -}}
{% endmacro %}

{# The hash of a group's or service's SQL as it was last built. #}
{% macro definition_in_force(id) %}
    {%- set found = run_query("select definition from " ~ asof.registry('definitions') ~ " where id = '" ~ id ~ "'").rows -%}
    {%- if found | length == 0 -%}
        {{- asof.refuse(id ~ ' was never built in this warehouse: run `dbt run` with its model selected too (dbt run -s +' ~ id | replace('@', '_v') ~ '_history).') -}}
    {%- endif -%}
    {{- return(found[0][0]) -}}
{% endmacro %}
