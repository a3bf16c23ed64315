{#
  Statements that take the values of a person out of the profiles and findings, to be run before the person's rows are
  deleted. Taken out are those that nobody else has in these tables: of columns of that name, in all profiles. Values
  that others share stay, and so do means, quantiles and histograms.

  tables: [{relation, columns}] of what holds the person; condition: which rows those are.
#}
{% macro erase_values_sql(tables, condition) %}
    {%- set selects = [] -%}
    {%- for table in tables -%}
        {%- for column in table.columns -%}
            {%- set select -%}
                select {{ asof.literal(column) }} as column_name, {{ asof.text_of(adapter.quote(column)) }} as value
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
        select distinct column_name, value
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
            select column_name, array_agg(value) as value_list
            from asof_erased_values
            group by column_name
        ) as erased
        where erased.column_name = profile.column_name
    {%- endset -%}
    {%- set findings_sql -%}
        update {{ asof.registry('findings') }} as finding
        set was = null, found = null, message = 'erased'
        from asof_erased_values as erased
        where
            erased.column_name = finding.column_name
            and position(erased.value in concat_ws(' ', finding.was, finding.found, finding.message)) > 0
    {%- endset -%}
    {{- return([values_sql, profiles_sql, findings_sql]) -}}
{% endmacro %}
