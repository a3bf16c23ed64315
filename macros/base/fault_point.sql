{#
  Where a test may stop the world: with ASOF_FAULT_POINT=<name>, dbt blocks here on the pipe ASOF_FAULT_PIPE until the
  test, seeing it opened, kills the process. Without the variable (always, outside tests) it does nothing.
  There is one before and after every write, so that "whole or not at all" is shown at each. (The content is asked
  for: to count the rows, DuckDB would not open the pipe.)
#}
{% macro fault_point(name) %}
    {%- if env_var('ASOF_FAULT_POINT', '') == name -%}
        {%- do run_query("select content from read_text('" ~ env_var('ASOF_FAULT_PIPE') ~ "')") -%}
    {%- endif -%}
{% endmacro %}
