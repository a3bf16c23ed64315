{# What dbt selects a node by, and no other: its name alone may be that of the project or of a folder too. #}
{% macro selector_of(node) %}{{ return('fqn:' ~ node.fqn | join('.')) }}{% endmacro %}
