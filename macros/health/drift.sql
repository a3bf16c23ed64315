{#
  Compares what each service with a `trained_on` is asked now with the training set that it names, keeps that in
  asof_drift, and returns it for health.json: {service: {trained_on, columns: {column: {source: {statistic,
  training_rows, rows, state}}}}}. source: 'examples', the newest ones, and 'requests', those of the log, where it is
  kept.
#}
{% macro keep_drift() %}
    {%- set drift, rows = {}, [] -%}
    {%- for node in asof.models_of('service') if (node.config.meta or {}).get('trained_on') -%}
        {%- set spec, name = asof.service_spec_of(node), node.config.meta.trained_on -%}
        {%- set trained = asof.set_trained_on(spec, name) -%}
        {%- if trained is not none -%}
            {%- set columns, known, features = {}, {}, [] -%}
            {%- for feature in spec.features if feature.name in trained.columns -%}
                {%- set bins = trained.columns[feature.name].profile.bins -%}
                {%- do features.append(feature) -%}
                {%- if bins -%}{%- do known.update({feature.name: {'bins': tojson(bins)}}) -%}{%- endif -%}
            {%- endfor -%}
            {%- for source, relation in asof.asked_now(spec).items() -%}
                {%- for column, profile in asof.profile_of(relation, features, known).items() -%}
                    {%- set found = asof.drift_of(trained.columns[column].profile, profile) -%}
                    {%- do columns.setdefault(column, {}).update({source: found}) -%}
                    {%- do rows.append([invocation_id, asof.now(), spec.id, name, source, column, found.statistic,
                        found.training_rows, found.rows, found.state]) -%}
                {%- endfor -%}
            {%- endfor -%}
            {%- do drift.update({spec.id: {'trained_on': name, 'columns': columns}}) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if rows -%}{%- do run_query(asof.insert_sql('drift', rows)) -%}{%- endif -%}
    {{- return(drift) -}}
{% endmacro %}

{# The manifest of a training set by its name; none, with a warning, where it is not there or is of another service. #}
{% macro set_trained_on(spec, name) %}
    {%- set path = (asof.training_folder() or '') ~ '/sets/' ~ name ~ '.json' -%}
    {%- set text = asof.read_text(path) if asof.training_folder() is not none else none -%}
    {%- if not text -%}
        {%- do exceptions.warn('asof: ' ~ spec.id ~ ' says `trained_on: ' ~ name ~ '`, and there is no file ' ~ path
            ~ '. Copy the set there, or name one that dbt run-operation training_set wrote.') -%}
        {{- return(none) -}}
    {%- endif -%}
    {{- return(fromjson(text)) -}}
{% endmacro %}

{# Where the features stand that a service answers now, by source, each a SELECT in brackets. #}
{% macro asked_now(spec) %}
    {%- set found = {'examples': asof.service_subject(spec, asof.hidden_columns()).rows} -%}
    {%- if asof.request_log_folder() is not none -%}
        {%- set logged = '(select * from ' ~ asof.registry('requests') ~ ' where service_id = '
            ~ asof.literal(spec.id) ~ " and status <> 'REJECTED')" -%}
        {%- set answers -%}
            (
                select
                    {%- for feature in spec.features %}
                    asof_said.features.{{ feature.name }} as {{ feature.name }}{{ ',' if not loop.last }}
                    {%- endfor %}
                from (
                    select {{ asof.json_values('line', {'features': spec.features}) }} as asof_said
                    from {{ logged }} as asof_logged
                    where {{ asof.newest_rows_sql(logged, 'prediction_time', 'requests', spec.id) }}
                ) as asof_answers
            )
        {%- endset -%}
        {%- do found.update({'requests': answers}) -%}
    {%- endif -%}
    {{- return(found) -}}
{% endmacro %}

{#
  How far a column is from its training set. statistic: of a number the widest gap between the two distributions over
  the bins of the set (Kolmogorov-Smirnov), of a category half of the sum of the differences of its shares, and of each
  the change of the part that is null, whichever is larger. state: 'drifted' over 0.2 and 2.8 sqrt(1/n + 1/m),
  'few rows' under 60 values on either side, else 'alike'.
#}
{% macro drift_of(trained, now) %}
    {%- set before, after = trained.rows - trained.nulls, now.rows - now.nulls -%}
    {%- set ns = namespace(widest=0.0, upto=0.0) -%}
    {%- if trained.rows and now.rows -%}
        {%- set ns.widest = (trained.nulls / trained.rows - now.nulls / now.rows) | abs -%}
    {%- endif -%}
    {%- if before and after and trained.histogram and now.histogram and trained.bins == now.bins -%}
        {%- for amount in trained.histogram -%}
            {%- set ns.upto = ns.upto + amount / before - now.histogram[loop.index0] / after -%}
            {%- set ns.widest = [ns.widest, ns.upto | abs] | max -%}
        {%- endfor -%}
    {%- elif before and after and trained.top and now.top -%}
        {%- set shares = {} -%}
        {%- for value, amount in trained.top -%}{%- do shares.update({value: amount / before}) -%}{%- endfor -%}
        {%- for value, amount in now.top -%}
            {%- do shares.update({value: shares.get(value, 0) - amount / after}) -%}
        {%- endfor -%}
        {%- set ns.widest = [ns.widest, shares.values() | map('abs') | sum / 2] | max -%}
    {%- endif -%}
    {%- set state = 'alike' -%}
    {%- if trained.rows < 60 or now.rows < 60 -%}{%- set state = 'few rows' -%}
    {%- elif ns.widest > 0.2 and ns.widest > 2.8 * (1 / trained.rows + 1 / now.rows) ** 0.5 -%}
        {%- set state = 'drifted' -%}
    {%- endif -%}
    {{- return({'statistic': ns.widest | round(4), 'training_rows': trained.rows, 'rows': now.rows,
        'state': state}) -}}
{% endmacro %}
