{# The clock model's relation, for what must not depend on it by a ref. #}
{% macro clock_relation() %}
    {{- return(asof.relation_of(asof.models_of('clock')[0])) -}}
{% endmacro %}
