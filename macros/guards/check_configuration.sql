{#
  Refuses configuration that would do nothing, or not what it says: a value that its key does not take, a key of ours
  where it has no effect, a key that is nearly one of ours, an unknown var, a target that is nearly one there is.
  Everything that is found is said at once, before anything is built. Keys that are none of ours are left alone: they
  belong to other packages.
#}
{% macro check_configuration() %}
    {%- set problems = [] -%}
    {%- do asof.meta_problems(problems) -%}
    {%- do asof.var_problems(problems) -%}
    {%- do asof.target_problems(problems) -%}
    {%- do asof.request_log_problems(problems) -%}
    {%- do asof.materialized_problems(problems) -%}
    {%- do asof.refuse_all(problems) -%}
{% endmacro %}

{# Appends what is wrong with the meta of models, their columns, seeds, snapshots and sources. #}
{% macro meta_problems(problems) %}
    {%- set known = asof.configuration() -%}
    {%- for node in graph.nodes.values() if node.resource_type in ['model', 'seed', 'snapshot'] -%}
        {%- set role = node.resource_type if node.resource_type != 'model' else (asof.role(node) or 'other') -%}
        {%- set where = asof.yaml_of(node) -%}
        {%- do asof.key_problems(problems, where ~ ': ' ~ node.name, node.config.meta or {}, known.meta, role) -%}
        {%- set target = asof.seconds_in(node.config.meta.get('target')) if role == 'group' else none -%}
        {%- set max_age = asof.seconds_in(node.config.meta.get('max_age')) -%}
        {%- if target and max_age and target > max_age -%}
            {%- do problems.append(where ~ ': ' ~ node.name ~ ' says `target: ' ~ node.config.meta.target
                ~ '`, which is beyond its max_age. The target is how fresh it should be: write `target: '
                ~ node.config.meta.max_age ~ '`, or less.') -%}
        {%- endif -%}
        {%- for column in asof.declared_columns(node) if role in ['group', 'service', 'examples', 'event'] -%}
            {%- do asof.key_problems(problems, where ~ ': ' ~ column.name ~ ' of ' ~ node.name, column.meta,
                known.columns, role, 'columns of ') -%}
            {%- do asof.health_problems(problems, where ~ ': ' ~ column.name ~ ' of ' ~ node.name, column.meta,
                role) -%}
        {%- endfor -%}
        {%- do asof.health_problems(problems, where ~ ': ' ~ node.name, node.config.meta or {}, role) -%}
    {%- endfor -%}
    {%- for source in graph.sources.values() -%}
        {%- do asof.key_problems(problems, source.original_file_path ~ ': the source ' ~ source.source_name ~ '.'
            ~ source.name,
            source.config.meta or source.meta or {}, known.meta, 'source') -%}
    {%- endfor -%}
{% endmacro %}

{# Appends what is wrong with one meta. what: the file and whose it is. known: a list of configuration(). role: of the
model, or
   source. on: `columns of `, for those. #}
{% macro key_problems(problems, what, meta, known, role, on='') %}
    {%- set here = [] -%}
    {%- for each in known if role in each.of -%}{%- do here.append(each.key) -%}{%- endfor -%}
    {%- for key, value in meta.items() -%}
        {%- set declared = known | selectattr('key', 'equalto', key) | first -%}
        {%- set meant = asof.nearest(key, here) if not declared else none -%}
        {%- if declared and role in declared.of and not asof.is_value(declared.type, value) -%}
            {%- do problems.append(what ~ ' says `' ~ key ~ ': ' ~ (value if value is not none else 'null')
                ~ '` in its meta. ' ~ key ~ ' is ' ~ asof.expected_value(declared.type) ~ '.') -%}
        {%- elif declared and role not in declared.of and key != 'owner' and role not in ['seed', 'snapshot',
            'source', 'other'] -%}
            {%- do problems.append(what ~ ' has `' ~ key ~ '` in its meta, where it does nothing. It stands in the '
                ~ 'meta of ' ~ on ~ asof.roles_in_words(declared.of) ~ '. Move it there, or leave it out.') -%}
        {%- elif meant -%}
            {%- do problems.append(what ~ ' has `' ~ key ~ '` in its meta, which asof does not know. Write `' ~ meant
                ~ '`; or, if it belongs to another package, give it a name that is not so near.') -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}

{# Appends what is wrong with a `health`: rules that do not judge there, and levels that they do not have. #}
{% macro health_problems(problems, what, meta, role) %}
    {%- if role not in ['group', 'service', 'event'] or meta.get('health') is not mapping -%}
        {{- return(none) -}}
    {%- endif -%}
    {%- set levels = {} -%}
    {%- for rule in asof.health_rules_of(role) -%}
        {%- for level in ['hold', 'warn'] if rule.get(level) is not none -%}
            {%- do levels.setdefault(rule.key, []).append(level) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- for key, value in meta.health.items() -%}
        {%- set says = what ~ ' says `health: {' ~ key ~ ': ' ~ value ~ '}` in its meta. ' -%}
        {%- if key not in levels -%}
            {%- do problems.append(says ~ 'There is no such rule of ' ~ asof.roles_in_words([role]) ~ '. There are: '
                ~ levels.keys() | sort | join(', ') ~ '.') -%}
        {%- elif value is not mapping and value is not false -%}
            {%- do problems.append(says ~ 'Write `health: {' ~ key ~ ': {' ~ levels[key][0]
                ~ ': <limit>}}`, or false to switch it off.') -%}
        {%- elif value is mapping -%}
            {%- for level, limit in value.items() if level not in levels[key] or (limit is not false
                    and (limit is boolean or limit is not number or limit < 0)) -%}
                {%- do problems.append(says ~ 'A limit of ' ~ key ~ ' is `' ~ levels[key] | unique | join('` or `')
                    ~ '`, and a number from 0 on, or false.') -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}
