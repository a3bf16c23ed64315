{#
  Keeps the compiled SQL of a group or service, with a hash that white space, comments and the warehouse's name
  leave alone. A group that another engine evaluates has another hash: a change of engine is a changed text, which holds
  the publication until it is accepted.
#}
{% macro record_definition(node, compiled_sql) %}
    {%- if flags.EMPTY or flags.SAMPLE -%}{{- return(none) -}}{%- endif -%}
    {%- set id = asof.versioned_id(node) -%}
    {%- set text = asof.unqualified(node, compiled_sql) -%}
    {%- set handover = asof.handover() if asof.role(graph.nodes[node.unique_id]) == 'group' else none -%}
    {%- call statement('forget_definition', auto_begin=true) -%}
        delete from {{ asof.registry('definitions') }} where id = '{{ id }}'
    {%- endcall -%}
    {%- do asof.fault_point('within_definition') -%}
    {%- call statement('record_definition', auto_begin=true) -%}
        {{ asof.insert_sql('definitions', [[id, asof.definition_hash(text, handover.engine if handover else none),
            invocation_id, text]]) }}
    {%- endcall -%}
    {%- do adapter.commit() -%}
    {%- do asof.fault_point('after_definition') -%}
{% endmacro %}

{# The definition of a group's or service's text (see asof.unqualified). engine: what evaluates it, none for DuckDB. #}
{% macro definition_hash(text, engine=none) %}
    {{- return('sha256:' ~ asof.sha256(asof.normalised(text) ~ (' evaluated by ' ~ engine if engine else ''))) -}}
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
