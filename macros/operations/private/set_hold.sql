{% macro set_hold(hold) %}
    {%- do asof.open_records() -%}
    {%- set pointer = asof.current_pointer_or_refuse() -%}
    {#- what was built under the hold never counts: only a new build may publish -#}
    {%- do run_query('update ' ~ asof.registry('runs') ~ " set kind = 'held' where kind = 'normal'") -%}
    {%- do pointer.update({'hold': hold}) -%}
    {%- do asof.fault_point('before_hold') -%}
    {%- do asof.write_text(asof.publish_folder() ~ '/current.json', tojson(pointer)) -%}
    {%- do asof.fault_point('after_hold') -%}
{% endmacro %}
