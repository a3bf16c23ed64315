{#
  Creates the table on first use from the group's YAML, and refuses a group whose columns are no longer those
  recorded.
#}
{% macro create_history_table(spec, relation) %}
    {%- set time = asof.type_timestamptz() -%}
    {%- set columns = [] -%}
    {%- for key in spec['keys'] -%}{%- do columns.append(key.name ~ ' ' ~ key.type ~ ' not null') -%}{%- endfor -%}
    {%- do columns.append('as_of ' ~ time ~ ' not null') -%}
    {%- do columns.append('run_id varchar not null') -%}
    {%- do columns.append('is_tombstone boolean not null') -%}
    {%- for feature in spec.features -%}{%- do columns.append(feature.name ~ ' ' ~ feature.type) -%}{%- endfor -%}
    {%- set existing = load_cached_relation(relation) -%}
    {%- if existing is none -%}
        {%- do run_query('create table if not exists ' ~ relation ~ ' (' ~ columns | join(', ') ~ ')') -%}
    {%- else -%}
        {%- set declared = (spec['keys'] + [{'name': 'as_of'}, {'name': 'run_id'},
            {'name': 'is_tombstone'}] + spec.features) | map(attribute='name') | list -%}
        {%- set recorded = adapter.get_columns_in_relation(relation) | map(attribute='name') | list -%}
        {%- if declared | sort != recorded | sort -%}
            {{- asof.refuse('the columns of ' ~ spec.id ~ ' are no longer those of its history: ' ~ relation ~ ' has '
                ~ recorded | join(', ') ~ '; its YAML declares ' ~ declared | join(', ')
                ~ '. History is append-only: write the new meaning as version ' ~ (spec.version + 1)
                ~ ', or, if this version was never published, start it over with `dbt run-operation start_over '
                ~ '--args \'{group: ' ~ spec.id ~ '}\'`.') -}}
        {%- endif -%}
        {%- set now_ = {} -%}
        {%- for column in adapter.get_columns_in_relation(asof.relation_of(spec.node)) -%}
            {%- do now_.update({column.name: column.data_type}) -%}
        {%- endfor -%}
        {%- for column in adapter.get_columns_in_relation(relation) if column.name in now_
            and now_[column.name] != column.data_type -%}
            {{- asof.refuse(spec.id ~ ': ' ~ column.name ~ ' is ' ~ now_[column.name] ~ ' now, but '
                ~ column.data_type ~ ' in its history ' ~ relation ~ '. A changed type is a new version ('
                ~ (spec.version + 1) ~ '); or start over with `dbt run-operation start_over`, if this one was '
                ~ 'never published.') -}}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}
