{#
  What only a whole service shows: its columns must not be called as what its training set has beside them. (That its
  rows hold no two columns of one name is seen by service_spec.)
#}
{% macro check_service_names(spec) %}
    {%- set words, problems = asof.reserved_words(), [] -%}
    {%- set where = asof.yaml_of(spec.node) -%}
    {%- set reserved = asof.reserved_names('service') -%}
    {%- for key in spec['keys'] -%}
        {%- do reserved.update({key.name: 'it is a key, which the training set has beside the features'}) -%}
    {%- endfor -%}
    {%- for label in spec.labels -%}
        {%- do reserved.update({label.name: 'it is a label, which the training set has beside the features'}) -%}
    {%- endfor -%}
    {%- for label in spec.labels if label.name in spec['keys'] | map(attribute='name') -%}
        {%- do problems.append(asof.yaml_of(spec.examples_node) ~ ': ' ~ label.name ~ ' is a key of ' ~ spec.id
            ~ ', so it cannot be its label. Leave out `label: true`.') -%}
    {%- endfor -%}
    {%- for group in spec.groups -%}
        {%- do problems.append(asof.problem_of_name(where, spec.id ~ ', the lookup', group.name, {}, words)) -%}
        {%- do reserved.update({group.name ~ '_status': 'the answer has the status of the lookup ' ~ group.name
            ~ ' under this name'}) -%}
    {%- endfor -%}
    {%- for column in spec.features -%}
        {%- do problems.append(asof.problem_of_name(where, spec.id ~ ', the column', column.name, reserved, words)) -%}
    {%- endfor -%}
    {%- do asof.refuse_all(problems) -%}
{% endmacro %}
