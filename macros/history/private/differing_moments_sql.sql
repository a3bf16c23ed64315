{#
  The moments of a group that count and whose rows are no longer those that were recorded, with what happened to them.
  One pass over the history. (The tombstones that close a backfill stand at the first moment after it, which is not
  its own: they are in no moment's record, and are passed over, there only.)
#}
{% macro differing_moments_sql(spec) -%}
    {%- set counted = "(select * from " ~ asof.registry('counted_moments') ~ " where group_id = '" ~ spec.id ~ "')" -%}
    select
        case
            when coalesce(found.asof_row_count, 0) < coalesce(recorded.rows_written, 0) then 'rows removed'
            when coalesce(found.asof_row_count, 0) > coalesce(recorded.rows_written, 0) then 'rows added'
            else 'rows changed'
        end as what,
        coalesce(recorded.as_of, found.as_of) as as_of,
        coalesce(recorded.run_id, found.run_id) as run_id,
        coalesce(recorded.rows_written, 0) as rows_recorded,
        coalesce(found.asof_row_count, 0) as rows_found
    from {{ counted }} as recorded
    full join (
        select history.run_id, history.as_of, count(*) as asof_row_count,
            {{ asof.history_checksum(spec) }} as asof_checksum
        from {{ spec.history }} as history
        left join (
            select backfill.backfill_id as asof_backfill_id, min(later.as_of) as asof_closed_at
            from {{ asof.registry('backfills') }} as backfill
            inner join {{ counted }} as later on later.as_of > backfill.to_as_of
            where backfill.group_id = '{{ spec.id }}'
            group by backfill.backfill_id
        ) as closing on history.run_id = closing.asof_backfill_id and history.as_of = closing.asof_closed_at
        where
            history.run_id in (select run_id from {{ counted }} as moment)
            and not (history.is_tombstone and closing.asof_backfill_id is not null)
        group by history.run_id, history.as_of
    ) as found on recorded.run_id = found.run_id and recorded.as_of = found.as_of
    where
        coalesce(recorded.rows_written, 0) <> coalesce(found.asof_row_count, 0)
        or coalesce(recorded.checksum, 0) <> coalesce(found.asof_checksum, 0)
{%- endmacro %}
