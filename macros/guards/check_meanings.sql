{#
  One name, one meaning: groups that declare a feature of the same name declare it alike. Versions of one group
  may differ.
#}
{% macro check_meanings() %}
    {%- set declared = {} -%}
    {%- for node in asof.models_of('group') -%}
        {%- for feature in asof.group_spec_of(node).features -%}
            {%- set here = {'node': node, 'type': feature.type, 'description': feature.description | trim} -%}
            {%- for other in declared.get(feature.name, []) if other.node.name != node.name and (other.type,
                other.description) != (here.type, here.description) -%}
                {{- asof.refuse(other.node.original_file_path ~ ' and ' ~ node.original_file_path ~ ': the feature '
                    ~ feature.name ~ ' has two meanings. ' ~ asof.versioned_id(other.node) ~ ' declares it as '
                    ~ other.type ~ ', "' ~ other.description ~ '"; ' ~ asof.versioned_id(node) ~ ' as ' ~ here.type
                    ~ ', "' ~ here.description ~ '". Who reads the catalog would take one for the other: rename '
                    ~ 'one of them, or declare both with the same data_type and description.') -}}
            {%- endfor -%}
            {%- do declared.update({feature.name: declared.get(feature.name, []) + [here]}) -%}
        {%- endfor -%}
    {%- endfor -%}
{% endmacro %}
