{#
  The checksum of history rows, as an aggregate: all that was written but the moment and run they are recorded
  under.
#}
{% macro history_checksum(spec) %}
    {%- set columns = spec['keys'] + [{'name': 'is_tombstone'}] + spec.features -%}
    {{- return(asof.checksum(columns | map(attribute='name') | list)) -}}
{% endmacro %}

{#
  Takes rows that are about to be erased out of the record of their moments, and nothing else: what was tampered
  with stays seen.
#}
{% macro unrecord_sql(spec, condition) -%}
    update {{ asof.registry('moments') }} as moment
    set rows_written = moment.rows_written - erased.asof_row_count, checksum = moment.checksum - erased.asof_checksum
    from (
        select run_id, as_of, count(*) as asof_row_count, {{ asof.history_checksum(spec) }} as asof_checksum
        from {{ spec.history }} as history
        where {{ condition }}
        group by run_id, as_of
    ) as erased
    where moment.group_id = '{{ spec.id }}' and moment.run_id = erased.run_id and moment.as_of = erased.as_of
{%- endmacro %}
