{#
  Refuses, in the compiled SQL of a feature group, what may give other values when the same rows come in another
  order, or on another engine: sums over floats, means of decimals as floats, picking or numbering rows without a
  total order. The engine binds the text, so types are known and macros are seen through; a text that it cannot bind
  is refused too.
#}
{% macro check_row_order(node, sql) %}
    {#- an --empty run's text holds dbt's own `limit 0`, and writes no history -#}
    {%- if flags.EMPTY -%}{{- return(none) -}}{%- endif -%}
    {%- set in_order = "{{ asof.in_order('event') }}" -%}
    {%- set parents = [] -%}
    {%- for parent in node.depends_on.nodes if parent in graph.nodes -%}
        {%- set model = graph.nodes[parent] -%}
        {%- do parents.append((asof.relation_of(model), asof.event_relation(node, model))) -%}
    {%- endfor -%}
    {%- for problem, name in asof.order_dependent(sql, parents) -%}
        {%- set messages = {
            'float': 'uses NAME over floats, whose last bits depend on the order of rows. Make the measure a decimal '
                'in staging' ~ (' and take {{ asof.mean(...) }} of it' if name == 'avg') ~ ', or say the order: '
                'NAME(x ORDER).',
            'mean': 'takes avg of decimals, which is a float that other engines round differently. Take the exact '
                'mean, to the digits that it is declared with: {{ asof.mean(\'NAME\', 2) }}; a filter goes with it: '
                '{{ asof.mean(\'NAME\', 2, where=\'...\') }}.',
            'aggregate': 'uses NAME without a total order, so its value depends on the order of rows. Say the order: '
                'NAME(x ORDER); where all rows say the same, take max(x).',
            'arg': 'uses NAME by a single column, which takes any of the rows that tie. Take it by a row: '
                'NAME(x, (event.occurred_at, event.known_at, event.event_id)).',
            'window': 'uses NAME over a window without a total order, so its value depends on the order of rows that '
                'tie. Say the order: over (partition by ... ORDER).',
            'rows': 'uses NAME, which keeps any of the rows that tie. Attributes come by asof.left_join_last_known; of '
                'known events take last(x ORDER).',
            'unbound': 'cannot be bound by the engine, so nobody can tell whether its values depend on the order of '
                'rows: NAME',
        } -%}
        {%- set message = messages[problem].replace('ORDER', in_order).replace('NAME', name) -%}
        {{- asof.refuse(node.original_file_path ~ ': the feature group ' ~ asof.versioned_id(node) ~ ' ' ~ message) -}}
    {%- endfor -%}
{% endmacro %}
