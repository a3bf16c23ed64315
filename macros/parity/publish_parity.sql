{#
  Writes `parity.json` beside the pointer: per service what its last comparison of logged answers with history found,
  and how many differences are still open (not accepted). The shim, which never opens the warehouse, shows it. It is
  no part of a snapshot, so a difference that holds the publication is seen too. Replaced atomically; read from the
  record alone.
#}
{% macro publish_parity() %}
    {%- if asof.publish_folder() is none -%}{{- return(none) -}}{%- endif -%}
    {%- set requests, runs = asof.registry('requests'), asof.registry('runs') -%}
    {%- set sql %}
        with told as (
            select request.service_id, request.parity, request.accepted, run.run_number, run.now
            from {{ requests }} as request
            inner join {{ runs }} as run on run.run_id = request.run_id
        ),
        newest as (
            select service_id, max(run_number) as run_number from told group by service_id
        )
        select
            told.service_id,
            max(told.now),
            count(*) filter (where told.run_number = newest.run_number and told.parity = 'same'),
            count(*) filter (where told.run_number = newest.run_number and told.parity = 'different'),
            count(*) filter (where told.run_number = newest.run_number and told.parity like 'not compared%'),
            count(*) filter (where told.run_number = newest.run_number and told.parity like 'not comparable%'),
            count(*) filter (where told.parity = 'different' and told.accepted is null)
        from told
        inner join newest on newest.service_id = told.service_id
        group by told.service_id
        order by told.service_id
    {%- endset -%}
    {%- set services = {} -%}
    {%- for id, compared_at, same, different, not_compared, not_comparable, open in run_query(sql).rows -%}
        {%- do services.update({id: {'compared_at': asof.rfc3339(asof.time_literal(compared_at)), 'same': same | int,
            'different': different | int, 'not_compared': not_compared | int, 'not_comparable': not_comparable | int,
            'open': open | int}}) -%}
    {%- endfor -%}
    {%- do asof.write_text(asof.publish_folder() ~ '/parity.json', tojson({'format': 1, 'services': services})) -%}
{% endmacro %}
