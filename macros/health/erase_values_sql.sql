{#
  Statements that take the values of a person out of the profiles and findings, to be run before the person's rows are
  deleted. Taken out are those that nobody else has in these tables: of columns of that name in all profiles, and of the
  services' columns that may hold them too. Values that others share stay, and so do means, quantiles and histograms.

  tables: [{relation, columns}] of what holds the person; condition: which rows those are.
#}
{% macro erase_values_sql(tables, condition) %}
    {%- set selects = [] -%}
    {%- for table in tables -%}
        {%- for column in table.columns -%}
            {%- set select -%}
                select
                    {{ asof.literal(column) }} as column_name,
                    {{ asof.text_of(adapter.quote(column)) }} as value,
                    typeof({{ adapter.quote(column) }}) = 'VARCHAR' as is_text
                from {{ table.relation }}
            {%- endset -%}
            {%- set own -%}
                {{ select }} where {{ condition }} except {{ select }} where not ({{ condition }})
            {%- endset -%}
            {%- do selects.append(own) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- if not selects -%}{{- return([]) -}}{%- endif -%}
    {%- set values_sql -%}
        create or replace temporary table asof_erased_values as
        select distinct column_name, value, is_text
        from (({{ selects | join(') union all (') }})) as own
        where value <> ''
    {%- endset -%}
    {%- set profiles_sql -%}
        update {{ asof.registry('profiles') }} as profile
        set
            top = {{ asof.value_counts_without('profile.top', 'erased.value_list') }},
            minimum = {{ asof.unless_in('profile.minimum', 'erased.value_list') }},
            maximum = {{ asof.unless_in('profile.maximum', 'erased.value_list') }}
        from (
            select profiled.kind, profiled.subject, profiled.column_name, array_agg(distinct own.value) as value_list
            from (select distinct kind, subject, column_name from {{ asof.registry('profiles') }}) as profiled
            inner join asof_erased_values as own on {{ asof.may_hold_sql('profiled') }}
            group by profiled.kind, profiled.subject, profiled.column_name
        ) as erased
        where
            erased.kind = profile.kind
            and erased.subject = profile.subject
            and erased.column_name = profile.column_name
    {%- endset -%}
    {%- set findings_sql -%}
        update {{ asof.registry('findings') }} as finding
        set was = null, found = null, message = 'erased'
        from asof_erased_values as own
        where
            {{ asof.may_hold_sql('finding') }}
            and position(own.value in concat_ws(' ', finding.was, finding.found, finding.message)) > 0
    {%- endset -%}
    {{- return([values_sql, profiles_sql, findings_sql]) -}}
{% endmacro %}

{#
  Whether a column of a profile or finding may hold a person's own value: it has the name, or it is of a service, which
  gives what it looked up under an alias ('origin_place') or under a name of its own. Only text is followed to any name:
  numbers meet by chance.
#}
{% macro may_hold_sql(relation) -%}
    (
        own.column_name = {{ relation }}.column_name
        or (
            {{ relation }}.kind = 'service'
            and (
                own.is_text
                or right({{ relation }}.column_name, length(own.column_name) + 1) = '_' || own.column_name
            )
        )
    )
{%- endmacro %}
