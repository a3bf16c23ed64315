{#
  The event models among these that declare a safety_lag, as {name, safety_lag}: what is known of them is assumed,
  not recorded.
#}
{% macro not_knowledge_safe(events) %}
    {%- set assumed = [] -%}
    {%- for node in events if node.config.meta.get('safety_lag') -%}
        {%- do asof.seconds(node.config.meta.safety_lag, 'safety_lag of ' ~ node.name) -%}
        {%- do assumed.append({'name': node.name, 'safety_lag': node.config.meta.safety_lag}) -%}
    {%- endfor -%}
    {{- return(assumed) -}}
{% endmacro %}
