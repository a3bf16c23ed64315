{#
  The hand-over that this command builds from, or none: what `asof build --engine` sealed, as its manifest says, with
  its `folder`. ASOF_HANDOVER names it; a command without that, such as a later `dbt test`, goes by what the last build
  was made from.
#}
{% macro handover() %}
    {%- if not execute or not asof.holds_records() -%}{{- return(none) -}}{%- endif -%}
    {%- set folder = env_var('ASOF_HANDOVER', '') -%}
    {%- if not folder and flags.WHICH != 'test' -%}{{- return(none) -}}{%- endif -%}
    {%- if not folder -%}{%- set folder = asof.last_handover().folder -%}{%- endif -%}
    {%- if not folder -%}{{- return(none) -}}{%- endif -%}
    {{- return(asof.sealed(folder)) -}}
{% endmacro %}

{# {engine, folder} of the hand-over that the last build was made from; nothing in it where that was built on DuckDB. #}
{% macro last_handover() %}
    {%- set sql -%}
        select engine, folder
        from {{ asof.registry('handovers') }}
        where run_id = (
            select run_id from {{ asof.registry('runs') }}
            where command in ('run', 'build')
            order by run_number desc
            limit 1
        )
    {%- endset -%}
    {%- set found = run_query(sql).rows -%}
    {{- return({'engine': found[0][0], 'folder': found[0][1]} if found | length else {}) -}}
{% endmacro %}

{#
  The rows that were handed over of a model, as a query of the columns that it was handed over with, or of these; none
  where there is no hand-over. Errors: the model was not handed over, since the engine failed before it.
#}
{% macro handed_over_sql(node, columns=none) %}
    {%- set handover = asof.handover() -%}
    {%- if handover is none -%}{{- return(none) -}}{%- endif -%}
    {%- set relation = handover.relations.get(node.unique_id) -%}
    {%- if not relation or not relation.files -%}
        {{- asof.refuse(node.original_file_path ~ ': ' ~ node.name ~ ' was not handed over by ' ~ handover.engine
            ~ ' (' ~ handover.folder ~ '): it, or what it reads, failed there. `asof build --engine` shows why.') -}}
    {%- endif -%}
    {%- set paths = [] -%}
    {%- for file in relation.files -%}{%- do paths.append(handover.folder ~ '/' ~ file.file) -%}{%- endfor -%}
    {{- return('select ' ~ (columns or relation.columns | list) | join(', ') ~ ' from read_parquet(['
        ~ asof.literals(paths) ~ '])') -}}
{% endmacro %}

{# {rows, newest} of an event model at a moment (a time literal), as the engine counted them; or none. #}
{% macro handed_over_known(event, moment) %}
    {%- set handover = asof.handover() -%}
    {%- if handover is none -%}{{- return(none) -}}{%- endif -%}
    {%- set known = (handover.relations.get(event.unique_id) or {}).get('known') or {} -%}
    {%- if moment not in known -%}
        {{- asof.refuse('the hand-over in ' ~ handover.folder ~ ' does not say what was known of ' ~ event.name
            ~ ' at ' ~ moment ~ '. Another command recorded or published meanwhile: run `asof build --engine` '
            ~ 'again.') -}}
    {%- endif -%}
    {{- return(known[moment]) -}}
{% endmacro %}
