{#
  Writes `held.json` beside the pointer: which groups and services are held, since when and why. A component is held
  where a run that built it failed by it; it stays held until it goes out. What a run did not build stays as it was.
  It is no part of a snapshot, so a project of which nothing goes out shows it too. Replaced atomically.
#}
{% macro publish_held(components) %}
    {%- set path = asof.publish_folder() ~ '/held.json' -%}
    {%- set text = asof.read_text(path) -%}
    {%- set before = fromjson(text).held if text else {} -%}
    {%- set held = {} -%}
    {%- for component in components if component.reason is not none -%}
        {%- for id in component.ids if component.is_failure or id in before -%}
            {%- do held.update({id: {
                'since': before[id].since if id in before else asof.rfc3339(asof.now()),
                'reason': component.reason if component.is_failure else before[id].reason,
            }}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- if held or text -%}
        {%- if asof.newest_publication() is none -%}
            {%- do asof.make_private_folder(asof.publish_folder()) -%}
        {%- endif -%}
        {%- do asof.fault_point('before_held') -%}
        {%- do asof.write_text(path, tojson({'format': 1, 'held': held})) -%}
        {%- do asof.fault_point('after_held') -%}
    {%- endif -%}
{% endmacro %}
