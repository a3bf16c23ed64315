{# An entity: keys and first_seen_at never null, gone_at after it, lives of one entity apart. #}
{% test entity(model) %}
    {%- if execute -%}
    {%- set keys = asof.entity_keys(asof.tested_node()) -%}
    {%- set nulls = [] -%}
    {%- for key in keys + ['first_seen_at'] -%}{%- do nulls.append(key ~ ' is null') -%}{%- endfor -%}
    {%- set overlapping -%}
        select *
        from (
            select
                life.*,
                lead(first_seen_at) over (
                    partition by {{ keys | join(', ') }} order by first_seen_at
                ) as asof_next_seen_at
            from {{ model }} as life
        ) as life
        where asof_next_seen_at < coalesce(gone_at, asof_next_seen_at + interval '1 second')
    {%- endset -%}
    {{ asof.problems(asof.value_checks(model, [
        {'rule': 'a key or first_seen_at is null', 'broken': nulls | join(' or ')},
        {'rule': 'gone_at is not after first_seen_at', 'broken': 'gone_at <= first_seen_at'},
    ]) + [{'rule': 'two lives of one entity overlap', 'sql': overlapping}]) }}
    {%- endif -%}
{% endtest %}
