{#
  SQL for `known_at`: a time plus a declared, fixed delay.

      {{ "{{ asof.known_after('loaded_at', '10 minutes') }}" }} as known_at    -- a settle time: rows are visible that
      long after their stamp
      {{ "{{ asof.known_after('occurred_at') }}" }} as known_at                -- no load time at all: the model's
      declared safety_lag

  A source without any load time cannot say what was known when; its delay is assumed. Its model declares
  `config: {meta: {safety_lag: 1 hour}}`, and whatever reads it is shown as not knowledge-safe.
#}
{% macro known_after(time, length=none) -%}
    {%- if execute -%}
        {%- set length = length or model.config.meta.get('safety_lag') -%}
        {%- if not length -%}
            {{- asof.refuse(model.original_file_path ~ ": asof.known_after('" ~ time
                ~ "') names no length. Say how long after " ~ time ~ " a row is visible for sure, as in "
                ~ "asof.known_after('" ~ time ~ "', '10 minutes'); or, where the source has no load time and the "
                ~ "delay is assumed, declare it in its YAML: `config: {meta: {safety_lag: 1 hour}}`.") -}}
        {%- endif -%}
    ({{ time }} + interval '{{ asof.seconds(length, 'the delay of known_at in ' ~ model.name) }} seconds')
    {%- endif -%}
{%- endmacro %}
