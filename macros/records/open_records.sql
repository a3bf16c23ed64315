{#
  What every command does before it reads or compares anything: makes sure the records exist and are of this version,
  and repairs the publication record from the pointer. The pointer is the truth; the record follows it.
#}
{% macro open_records() %}
    {%- do asof.check_session() -%}
    {%- do asof.create_registry() -%}
    {%- do asof.repair_record() -%}
{% endmacro %}
