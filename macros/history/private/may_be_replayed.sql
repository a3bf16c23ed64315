{#
  Which counted moments of a group may be replayed: those after what a person accepted, within the retention of
  its sources.
#}
{% macro may_be_replayed(spec) %}
    {%- set accepted, handover = ["'" ~ spec.id ~ "'"], asof.handover() -%}
    {%- set floors = [] -%}
    {%- for event in spec.events -%}
        {%- do accepted.append("'" ~ event.name ~ "'") -%}
        {%- if event.config.meta.get('retention') -%}
            {%- do floors.append(asof.seconds(event.config.meta.retention, 'the retention of ' ~ event.name)) -%}
        {%- endif -%}
    {%- endfor %}
            group_id = '{{ spec.id }}'
            and started_at > coalesce(
                (
                    select max(accepted_at)
                    from {{ asof.registry('accepted') }}
                    where id in ({{ accepted | join(', ') }})
                ),
                {{ asof.sql_time('1970-01-01 00:00:00+00:00') }}
            )
            {%- if handover is not none %}
            and as_of in ({% for moment in handover.samples -%} {{ asof.sql_time(moment) }}, {% endfor %}null)
            {%- endif %}
            {%- if floors %}
            and as_of > {{ asof.sql_time(asof.time_literal(
                asof.as_datetime(asof.run_as_of()) - modules.datetime.timedelta(seconds=floors | min))) }}
            {%- endif %}
{%- endmacro %}
