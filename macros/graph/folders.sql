{#
  Where this target publishes, or none: `vars: {asof_publish_to: {<target name>: <folder>}}`. A target that is not
  listed never publishes. ASOF_PUBLISHED names another folder for a target that is listed.
#}
{% macro publish_folder() %}
    {%- set folders = var('asof_publish_to', {}) -%}
    {%- if target.name not in folders -%}{{- return(none) -}}{%- endif -%}
    {{- return(env_var('ASOF_PUBLISHED', '') or folders[target.name]) -}}
{% endmacro %}

{# Where training sets are written as files, beside the folder that is published: they hold labels, so never in it. #}
{% macro training_folder() %}
    {%- set folders = var('asof_training_to', {}) -%}
    {%- if target.name not in folders -%}{{- return(none) -}}{%- endif -%}
    {{- return(env_var('ASOF_TRAINING', '') or folders[target.name]) -}}
{% endmacro %}

{#
  Parity: what the API answered against what history gives. As a command starts, the shim's request log is taken into
  the record asof_requests, and each newly logged row is rebuilt by the training path and compared, once; the service
  test fails where a row differs that no test has told of yet, and as the command ends it is noted which run told.

  Two questions, kept apart. Is the answer what the publication that it names must give? And was that publication the
  current one then, or replaced no longer ago than the shim may take to pick the next one up (var asof_pickup)?

  An answer is rebuilt by the text of the definition that it names, as it was published (record asof_contracts), also
  where the service has another one by now. `parity` says what came of it: same; different; `not compared: <why>`, which
  counts against the floor; `not comparable: <why>`, which nobody could compare, now or later.
#}

{#
  The folder of the shim's request log, or none: ASOF_REQUEST_LOG, by which the shim knows it too. For a target that
  publishes; another one answered nothing.
#}
{% macro request_log_folder() %}
    {{- return((env_var('ASOF_REQUEST_LOG', '') or none) if asof.publish_folder() is not none else none) -}}
{% endmacro %}

{#
  The file with the secret by which the shim hashes personal values, or none: ASOF_REQUEST_LOG_KEY, as for the shim.
  Only the engine reads it: the secret never stands in compiled SQL or a log of dbt's.
#}
{% macro request_log_key() %}
    {%- set file = env_var('ASOF_REQUEST_LOG_KEY', '') -%}
    {%- if file and not asof.file_exists(file) -%}
        {{- asof.refuse('ASOF_REQUEST_LOG_KEY is ' ~ file ~ ', and there is no such file. Name the file with the '
            ~ 'secret that the shim hashes personal values by, or unset it.') -}}
    {%- endif -%}
    {{- return(file or none) -}}
{% endmacro %}
