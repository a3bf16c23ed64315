{#
  An event model: event_id and both times never null, nothing known before it occurred, one row per event (or
  version of it).
#}
{% test events(model) %}
    {%- if execute -%}
    {%- set columns = asof.declared_columns(asof.tested_node()) | map(attribute='name') | list -%}
    {%- set identity = 'event_id, known_at' if 'is_retracted' in columns else 'event_id' -%}
    {%- set repeated -%}
        select {{ identity }}
        from {{ model }}
        group by {{ identity }}
        having count(*) > 1
    {%- endset -%}
    {{ asof.problems(asof.value_checks(model, [
        {'rule': 'event_id, occurred_at or known_at is null',
            'broken': 'event_id is null or occurred_at is null or known_at is null'},
        {'rule': 'known before it occurred', 'broken': 'known_at < occurred_at'},
    ]) + [{'rule': 'more than one row per (' ~ identity ~ ')', 'sql': repeated}]) }}
    {%- endif -%}
{% endtest %}
