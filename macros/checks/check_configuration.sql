{#
  Refuses configuration that would do nothing, or not what it says: a value that its key does not take, a key of ours where it has no
  effect, a key that is nearly one of ours, an unknown var, a target that is nearly one there is. Everything that is found is said at
  once, before anything is built. Keys that are none of ours are left alone: they belong to other packages.
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
        {%- for column in asof.declared_columns(node) if role in ['group', 'service', 'examples'] -%}
            {%- do asof.key_problems(problems, where ~ ': ' ~ column.name ~ ' of ' ~ node.name, column.meta, known.columns, role, 'columns of ') -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- for source in graph.sources.values() -%}
        {%- do asof.key_problems(problems, source.original_file_path ~ ': the source ' ~ source.source_name ~ '.' ~ source.name,
            source.config.meta or source.meta or {}, known.meta, 'source') -%}
    {%- endfor -%}
{% endmacro %}

{# Appends what is wrong with one meta. what: the file and whose it is. known: a list of configuration(). role: of the model, or
   source. on: `columns of `, for those. #}
{% macro key_problems(problems, what, meta, known, role, on='') %}
    {%- set here = [] -%}
    {%- for each in known if role in each.of -%}{%- do here.append(each.key) -%}{%- endfor -%}
    {%- for key, value in meta.items() -%}
        {%- set declared = known | selectattr('key', 'equalto', key) | first -%}
        {%- set meant = asof.nearest(key, here) if not declared else none -%}
        {%- if declared and role in declared.of and not asof.is_value(declared.type, value) -%}
            {%- do problems.append(what ~ ' says `' ~ key ~ ': ' ~ (value if value is not none else 'null') ~ '` in its meta. ' ~ key ~ ' is '
                ~ asof.expected_value(declared.type) ~ '.') -%}
        {%- elif declared and role not in declared.of and key != 'owner' and role not in ['seed', 'snapshot', 'source', 'other'] -%}
            {%- do problems.append(what ~ ' has `' ~ key ~ '` in its meta, where it does nothing. It stands in the meta of ' ~ on
                ~ asof.roles_in_words(declared.of) ~ '. Move it there, or leave it out.') -%}
        {%- elif meant -%}
            {%- do problems.append(what ~ ' has `' ~ key ~ '` in its meta, which asof does not know. Write `' ~ meant ~ '`; or, if it belongs to another '
                ~ 'package, give it a name that is not so near.') -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}

{# Appends what is wrong with the vars. (Those of the project's files are read from these, since dbt hands out only those that one names.) #}
{% macro var_problems(problems) %}
    {%- set known = asof.configuration().vars -%}
    {%- set names = known | map(attribute='key') | list -%}
    {%- for key in asof.declared_vars() if key not in names -%}
        {%- set meant = asof.nearest(key, names) -%}
        {%- if key in ['asof_request_log', 'asof_request_log_key'] -%}
            {%- do problems.append('the var ' ~ key ~ ' is gone. Set the environment variable ' ~ key | upper ~ ' instead, '
                ~ 'for dbt as for the shim.') -%}
        {%- elif key.startswith('asof_') or meant -%}
            {%- do problems.append('the var ' ~ key ~ ' is none of ours. ' ~ ('Write ' ~ meant ~ '.' if meant
                else 'The vars are ' ~ names | join(', ') ~ '.')) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for each in known -%}
        {%- set value = var(each.key, 'asof: not set') -%}
        {%- if value != 'asof: not set' and not asof.is_value(each.type, value) -%}
            {%- do problems.append('the var ' ~ each.key ~ ' is ' ~ (value if value is not none else 'null') ~ '. Expected '
                ~ asof.expected_value(each.type) ~ '.') -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}

{# The names of all vars: of the command line, and of dbt_project.yml and vars.yml, also those for this project or this package only. #}
{% macro declared_vars() %}
    {%- set names = (invocation_args_dict.get('vars') or {}).keys() | list -%}
    {%- for file in ['dbt_project.yml', 'vars.yml'] -%}
        {%- set text = asof.read_text(invocation_args_dict.get('project_dir') ~ '/' ~ file) -%}
        {%- set said = fromyaml(text, {}) if text else {} -%}
        {%- for key, value in (said.vars or {}).items() -%}
            {%- if key in ['asof', project_name] and value is mapping -%}{%- do names.extend(value.keys()) -%}
            {%- else -%}{%- do names.append(key) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {{- return(names) -}}
{% endmacro %}

{#
  Appends the targets of vars that the profile does not have and that are nearly one it has. (Others may well be missing here: one
  machine's profile has targets that another's lacks.)
#}
{% macro target_problems(problems) %}
    {%- set text = asof.read_text(invocation_args_dict.get('profiles_dir') ~ '/profiles.yml') -%}
    {%- set profile = (fromyaml(text, {}) if text else {}).get(target.profile_name) or {} -%}
    {%- set targets = (profile.outputs or {}).keys() | list -%}
    {%- for each in asof.configuration().vars if each.type == 'folders' and var(each.key, none) is mapping -%}
        {%- for name in var(each.key) if name not in targets and asof.nearest(name, targets) -%}
            {%- do problems.append('the var ' ~ each.key ~ ' names the target ' ~ name ~ ', which the profile ' ~ target.profile_name ~ ' does not have. Write '
                ~ asof.nearest(name, targets) ~ '.') -%}
        {%- endfor -%}
    {%- endfor -%}
{% endmacro %}

{# Appends half a configuration of the request log: a secret without a log, or one that is not there. #}
{% macro request_log_problems(problems) %}
    {%- set key = env_var('ASOF_REQUEST_LOG_KEY', '') -%}
    {%- if key and not env_var('ASOF_REQUEST_LOG', '') -%}
        {%- do problems.append('ASOF_REQUEST_LOG_KEY is set, and ASOF_REQUEST_LOG is not, so no logged answer would be '
            ~ 'compared with history. Set ASOF_REQUEST_LOG to the folder that the shim logs to, or unset both.') -%}
    {%- elif key and not asof.file_exists(key) -%}
        {%- do problems.append('ASOF_REQUEST_LOG_KEY is ' ~ key ~ ', and there is no such file. Name the file with the '
            ~ 'secret that the shim hashes personal values by.') -%}
    {%- endif -%}
{% endmacro %}

{# Appends the models that are not built by our materialization: nothing would be checked or recorded of them. #}
{% macro materialized_problems(problems) %}
    {%- set ours = {'entity': 'entity', 'group': 'feature_group', 'service': 'service'} -%}
    {%- for role, expected in ours.items() -%}
        {%- for node in asof.models_of(role) if node.config.materialized != expected -%}
            {%- do problems.append(node.original_file_path ~ ': ' ~ node.name ~ ' is materialized as ' ~ node.config.materialized ~ '. Add to dbt_project.yml, under '
                ~ '`models: ' ~ project_name ~ ':`, the line `' ~ node.fqn[1] ~ ': {+materialized: ' ~ expected ~ '}`.') -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- for role in ['event', 'examples'] -%}
        {%- for node in asof.models_of(role) if node.config.materialized in ours.values() -%}
            {%- do problems.append(node.original_file_path ~ ': ' ~ node.name ~ ' is materialized as ' ~ node.config.materialized ~ ', which it is not. Add to its YAML '
                ~ '`config: {materialized: table}`.') -%}
        {%- endfor -%}
    {%- endfor -%}
{% endmacro %}
