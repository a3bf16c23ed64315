{#
  The rows of an event model that were known at the moment of this run. For examples models, which list what was asked
  before now and what has become of it:

      from {{ "{{ asof.known(ref('stg_orders')) }}" }} as placed

  Built again later for the same moment, such a model lists the same. (Feature groups have joins of their own, which
  keep out what was not known at each point.)
#}
{% macro known(events) -%}
    {%- do asof.check_event_columns(events) %}
    (select * from {{ events }} where known_at <= {{ asof.cutoff() }})
{%- endmacro %}
