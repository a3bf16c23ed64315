{#
  A feature group, tested as it is published: on its latest table. Keys not null and unique, no stored time after the
  newest moment, declared ranges, categories, null rates, no NaN. And its past: history against the record of what was
  appended, and past points evaluated again (replay).
#}
{% test feature_group(model) %}
    {%- set group = asof.tested_base() -%}
    {%- set latest = ref(group.base ~ '_latest') -%}
    {%- if execute -%}
    {%- set spec = asof.group_spec(group.name, group.version) -%}
    {%- set keys = spec['keys'] | map(attribute='name') | list -%}
    {%- set nulls = [] -%}
    {%- for key in keys -%}{%- do nulls.append(key ~ ' is null') -%}{%- endfor -%}
    {%- set repeated -%}
        select {{ keys | join(', ') }}
        from {{ latest }}
        group by {{ keys | join(', ') }}
        having count(*) > 1
    {%- endset -%}
    {%- set checks = asof.value_checks(latest, [{'rule': 'a key is null', 'broken': nulls | join(' or ')}]) + [
        {'rule': 'more than one row per entity', 'sql': repeated},
        {'rule': 'its history is not what was recorded of a moment that counts (it is append-only)',
            'sql': asof.differing_moments_sql(spec)},
    ] -%}
    {%- for feature in spec.features if feature.type.startswith('timestamp') and '[' not in feature.type -%}
        {%- do checks.append({'rule': feature.name ~ ' is later than the moment it was known at',
            'sql': 'select * from ' ~ latest ~ ' where ' ~ feature.name ~ ' > as_of'}) -%}
    {%- endfor -%}
    {%- set replay = asof.replay_check(spec) -%}
    {{ asof.problems(checks + asof.column_checks(latest, spec.features) + ([replay] if replay else [])) }}
    {%- endif -%}
{% endtest %}
