{#
  The whole of a rows model, `models/services/<service>_v<n>_rows.sql`: what the shim would have looked up for each
  example, by the as-served rule, with the features of groups that are not OK nulled. Labels are left out.

      {{ "{{ asof.rows(['shipment@1', 'warehouse@1']) }}" }}

  groups: the groups with the version read, the service's first group first. Under an alias, as in
  'warehouse@1 as origin', a group may be looked up more than once: its columns are then called origin_<column>, its
  status origin_status. Where a group's keys are not sent under their own names, the service's YAML says where they come
  from (asof.lookups_of). examples: the examples model, `<service>_examples` unless said.
  Examples without a snapshot, or of lost hours, are not in it; the build says how many.
#}
{% macro rows(groups, examples=none) %}
    {%- set service = asof.parse_model_name(model.name, 'rows') -%}
    {%- set examples = examples or service.name ~ '_examples' -%}
    {{- config(materialized='table', contract={'enforced': false}, meta={'asof_groups': groups,
        'asof_examples': examples}) -}}
    {%- set examples_relation = ref(examples) -%}
    {%- set histories = {} -%}
    {%- for text in groups -%}
        {%- set said = asof.parse_lookup(text) -%}
        {%- if said is none -%}
            {{- asof.refuse(model.original_file_path ~ ": '" ~ text ~ "' names no group and its version. A service "
                ~ "pins the group version it reads, as in 'shipment@1', or 'shipment@1 as other' under an alias.") -}}
        {%- endif -%}
        {%- do histories.update({said.name ~ '@' ~ said.version: ref(said.name ~ '_v' ~ said.version ~ '_history')}) -%}
    {%- endfor -%}
    {%- if execute -%}
        {%- set spec = asof.service_spec(service.name, service.version) -%}
        {%- do asof.check_example_times(examples_relation) -%}
        {%- if flags.WHICH in ['run', 'build', 'retry'] -%}
            {%- do asof.check_built_types(spec.examples_node.original_file_path ~ ': ' ~ spec.examples_node.name,
                asof.declared_columns(spec.examples_node), asof.columns_of(asof.relation_of(spec.examples_node))) -%}
        {%- endif -%}
        {{- asof.looked_up_sql(spec, examples_relation, histories) -}}
        {{- asof.nulled_sql(spec, ['asof_sequence_number', 'asof_is_backfilled']) -}}
    {%- endif -%}
{% endmacro %}
