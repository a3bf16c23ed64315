{#
  Where training ends, as a SQL expression: the run's own moment, or an earlier asof_training_cutoff. For the SQL of
  examples models, which list what was asked before: `where placed_at < {{ "{{ asof.cutoff() }}" }}`.
  clock: tests and counts name the relation (clock_relation); a ref would tie them to the clock, and building it alone
  would select them.
#}
{% macro cutoff(clock=none) -%}
    {%- do asof.refuse_in_sql_of(['event', 'entity', 'group', 'service'], 'asof.cutoff()') -%}
    {%- set earlier = asof.training_cutoff() -%}
    {%- set last = asof.clocks_last_moment(clock or ref('clock')) -%}
    {{ last if earlier is none else 'least(' ~ last ~ ', ' ~ asof.sql_time(earlier) ~ ')' }}
{%- endmacro %}
