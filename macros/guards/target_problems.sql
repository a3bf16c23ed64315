{#
  Appends the targets of vars that the profile does not have and that are nearly one it has. (Others may well be
  missing here: one machine's profile has targets that another's lacks.)
#}
{% macro target_problems(problems) %}
    {%- set text = asof.read_text(invocation_args_dict.get('profiles_dir') ~ '/profiles.yml') -%}
    {%- set profile = (fromyaml(text, {}) if text else {}).get(target.profile_name) or {} -%}
    {%- set targets = (profile.outputs or {}).keys() | list -%}
    {%- for each in asof.configuration().vars if each.type == 'folders' and var(each.key, none) is mapping -%}
        {%- for name in var(each.key) if name not in targets and asof.nearest(name, targets) -%}
            {%- do problems.append('the var ' ~ each.key ~ ' names the target ' ~ name ~ ', which the profile '
                ~ target.profile_name ~ ' does not have. Write ' ~ asof.nearest(name, targets) ~ '.') -%}
        {%- endfor -%}
    {%- endfor -%}
{% endmacro %}

{# Appends half a configuration of the request log: a secret without a log, or one that is not there. #}
{% macro request_log_problems(problems) %}
    {%- set key = env_var('ASOF_REQUEST_LOG_KEY', '') -%}
    {%- if key and not env_var('ASOF_REQUEST_LOG', '') -%}
        {%- do problems.append('ASOF_REQUEST_LOG_KEY is set, and ASOF_REQUEST_LOG is not, so no logged answer '
            ~ 'would be compared with history. Set ASOF_REQUEST_LOG to the folder that the shim logs to, or unset '
            ~ 'both.') -%}
    {%- elif key and not asof.file_exists(key) -%}
        {%- do problems.append('ASOF_REQUEST_LOG_KEY is ' ~ key ~ ', and there is no such file. Name the file with '
            ~ 'the secret that the shim hashes personal values by.') -%}
    {%- endif -%}
{% endmacro %}
