{#
  Appends what is wrong with the vars. (Those of the project's files are read from these, since dbt hands out only
  those that one names.)
#}
{% macro var_problems(problems) %}
    {%- set known = asof.configuration().vars -%}
    {%- set names = known | map(attribute='key') | list -%}
    {%- for key in asof.declared_vars() if key not in names -%}
        {%- set meant = asof.nearest(key, names) -%}
        {%- if key in ['asof_request_log', 'asof_request_log_key'] -%}
            {%- do problems.append('the var ' ~ key ~ ' is gone. Set the environment variable ' ~ key | upper
                ~ ' instead, for dbt as for the shim.') -%}
        {%- elif key.startswith('asof_') or meant -%}
            {%- do problems.append('the var ' ~ key ~ ' is none of ours. ' ~ ('Write ' ~ meant ~ '.' if meant
                else 'The vars are ' ~ names | join(', ') ~ '.')) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for each in known -%}
        {%- set value = var(each.key, 'asof: not set') -%}
        {%- if value != 'asof: not set' and not asof.is_value(each.type, value) -%}
            {%- do problems.append('the var ' ~ each.key ~ ' is ' ~ (value if value is not none else 'null')
                ~ '. Expected ' ~ asof.expected_value(each.type) ~ '.') -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}

{#
  The names of all vars: of the command line, and of dbt_project.yml and vars.yml, also those for this project or
  this package only.
#}
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
