{#
  Refuses what is read by a literal name; in a group also what points and the joins do not read, which give each
  relation an alias that begins with asof_; and a common table expression of the name of a model that is read within
  its scope.
#}
{% macro check_relations(what, parents, relations, kind) %}
    {%- set known_joins = relations | selectattr('alias', 'equalto', 'asof_known') | list -%}
    {#- under --empty dbt writes a relation as a subquery, which has the alias; nothing comes of such a run -#}
    {%- set has_aliases = kind != 'service' and not flags.EMPTY and not flags.SAMPLE -%}
    {%- for relation in relations -%}
        {%- if kind == 'service' and relation.path not in parents -%}
            {{- asof.refuse(what ~ ' reads ' ~ relation.name ~ ' by its literal name. A service sees its rows '
                ~ 'only: what a prediction needs comes from a feature group, or is sent along as a request column '
                ~ 'of its examples.') -}}
        {%- elif relation.path not in parents or (has_aliases and not (relation.alias or '').startswith('asof_')) -%}
            {{- asof.refuse(what ~ ' reads ' ~ relation.name ~ (' past the joins, by its literal name or by a ref '
                ~ 'outside them'
                if relation.path in parents else ' by its literal name') ~ '. A feature group reaches events '
                    ~ 'through asof.left_join_known(ref(...)) and asof.left_join_last_known(ref(...)) only, which '
                    ~ 'keep out what was not known yet.') -}}
        {%- elif relation.is_hidden -%}
            {{- asof.refuse(what ~ ' has a common table expression called ' ~ relation.name
                ~ ' where it reads the model ' ~ relation.name ~ '. The text on record has models by their bare '
                ~ 'names, so one would be taken for the other: give the common table expression another name.') -}}
        {%- endif -%}
    {%- endfor -%}
    {%- if known_joins | length > 1 -%}
        {{- asof.refuse(what ~ ' joins known events twice; the rows of one stream would multiply those of the '
            ~ 'other. Make two groups.') -}}
    {%- endif -%}
{% endmacro %}

{#
  Refuses what reads asof_superseded_at of a join: it says whether a later version was known by the last moment of the
  run. A join writes the name three times: as it makes the column, and twice where it compares it.
#}
{% macro check_superseded(what, sql) %}
    {%- set text = asof.normalised(sql) | lower -%}
    {%- if text.count('asof_superseded_at') > 3 * text.count(') as asof_superseded_at') -%}
        {{- asof.refuse(what ~ ' reads asof_superseded_at, a column of the joins that says when the next version '
            ~ 'became known, also where that is after as_of. Leave it out: a version that was superseded at as_of '
            ~ 'is not joined.') -}}
    {%- endif -%}
{% endmacro %}
