{#
  The manifest that a pointer or record names by snapshot id, as of the current version; none where its file is
  gone.
#}
{% macro manifest_of(snapshot_id) %}
    {%- set path = asof.publish_folder() ~ '/' ~ asof.manifest_name(snapshot_id) -%}
    {%- set text = asof.read_text(path) -%}
    {%- if not text -%}{{- return(none) -}}{%- endif -%}
    {%- set manifest = fromjson(text) -%}
    {%- do asof.refuse_newer(manifest.format, path ~ ' is') -%}
    {{- return(asof.manifest_as_current(manifest)) -}}
{% endmacro %}

{% macro manifest_name(snapshot_id) %}{{ return('snapshot-' ~ snapshot_id ~ '.json') }}{% endmacro %}

{# The manifest of the current publication. #}
{% macro current_manifest(pointer) %}
    {%- set manifest = asof.manifest_of(pointer.snapshot_id) -%}
    {%- if manifest is none -%}
        {{- asof.refuse('the manifest ' ~ asof.manifest_name(pointer.snapshot_id) ~ ' of the current publication '
            ~ 'is missing in ' ~ asof.publish_folder() ~ '. Put it back from a copy of the folder. If there is '
            ~ 'none, empty the folder: the next green build publishes anew.') -}}
    {%- endif -%}
    {{- return(manifest) -}}
{% endmacro %}
