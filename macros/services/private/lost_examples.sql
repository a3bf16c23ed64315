{#
  The row_id of the examples that are lost, as a subquery: the publication that answered is on record, but what it
  served of one of the service's groups is not in this warehouse. (Nothing is looked up for them, since the record has
  no as_of there.)
#}
{% macro lost_examples(spec, examples, has_sequence_number=none) -%}
    (
        with {{ asof.placed_sql(examples, [], spec.has_sequence_number if has_sequence_number is none
            else has_sequence_number) }}
        select row_id
        from asof_placed
        where asof_sequence_number in (
            select sequence_number
            from {{ asof.registry('publications') }}
            where as_of is null
                and group_id in ({{ asof.literals(spec.groups | map(attribute='group')) }})
        )
    )
{%- endmacro %}
