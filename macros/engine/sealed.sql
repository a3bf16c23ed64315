{#
  What the manifest of a hand-over says, with its `folder`: {format, engine, target, as_of, kind, moments, samples,
  relations, results}. It is read once in a command: `graph` is a dict that all macros of a command share. Errors: no
  manifest, so that the hand-over was never finished; one of another format.
#}
{% macro sealed(folder) %}
    {%- if 'asof_sealed' not in graph or graph.asof_sealed.folder != folder -%}
        {%- do graph.update({'asof_sealed': asof.read_sealed(folder)}) -%}
    {%- endif -%}
    {{- return(graph.asof_sealed) -}}
{% endmacro %}

{% macro read_sealed(folder) %}
    {%- set text = asof.read_text(folder ~ '/handover.json') -%}
    {%- if text is none -%}
        {{- asof.refuse('there is no hand-over in ' ~ folder ~ ': handover.json, which is written last, is not there. '
            ~ 'Run `asof build --engine` again.') -}}
    {%- endif -%}
    {%- set manifest = fromjson(text) -%}
    {%- if manifest.format != 1 -%}
        {{- asof.refuse('the hand-over in ' ~ folder ~ ' is of format ' ~ manifest.format ~ '; this version of asof '
            ~ 'reads 1. Run `asof build --engine` again.') -}}
    {%- endif -%}
    {{- return(dict(manifest, folder=folder)) -}}
{% endmacro %}
