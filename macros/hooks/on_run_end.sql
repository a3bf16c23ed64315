{#
  After a command that builds or tests: its results are kept, what failed is shown, the training sets are counted, and
  what is green is published. Returns SQL that fails where the command must: see failing_sql.
#}
{% macro on_run_end(results) %}
    {%- if execute and flags.WHICH in ['seed', 'run', 'build', 'test', 'snapshot', 'retry'] -%}
        {#- under a cut-off the tests saw less than all of training: they vouch for nothing -#}
        {%- set vouches = asof.training_cutoff() is none -%}
        {%- set failures = asof.keep_results(results) if vouches else [] -%}
        {#- from here on the tables and what is known of them are whole; a kill while publishing leaves something to publish -#}
        {%- do run_query('update ' ~ asof.registry('runs') ~ ' set finished_at = ' ~ asof.sql_time(asof.wall_clock()) ~ " where run_id = '" ~ invocation_id ~ "'") -%}
        {%- do asof.show_failures(results) -%}
        {%- do asof.count_training(results) -%}
        {%- do asof.tell_parity(results) -%}
        {%- if not vouches -%}
            {%- do asof.say('training ends at ' ~ asof.training_cutoff() ~ ' (asof_training_cutoff): nothing is published, written to a file or taken as tested. '
                ~ '`dbt build` builds it whole again.') -%}
        {%- elif flags.WHICH in ['build', 'test', 'retry'] -%}
            {%- do asof.write_training_sets() -%}
            {%- if asof.publish_folder() is none -%}{%- do asof.say_publishes_nowhere() -%}
            {%- elif asof.backfill_range() is none -%}{%- do failures.extend(asof.publish()) -%}
            {%- endif -%}
        {%- endif -%}
        {%- if failures -%}{{- return(asof.failing_sql('asof: ' ~ failures | join('\n'))) -}}{%- endif -%}
    {%- endif -%}
{% endmacro %}

{# Keeps the last result of each node, with the run it came from. Returns what must fail the command. #}
{% macro keep_results(results) %}
    {%- set number = run_query("select run_number from " ~ asof.registry('runs') ~ " where run_id = '" ~ invocation_id ~ "'").rows[0][0] -%}
    {%- set rows, refused = [], [] -%}
    {%- set lineage = asof.lineage_of(asof.models_of('event') + asof.models_of('entity') + asof.models_of('examples')) -%}
    {%- for result in results if result.node.resource_type in ['model', 'test', 'unit_test', 'seed', 'snapshot'] -%}
        {%- set problems = asof.problems_in_sql(result.node, lineage) -%}
        {%- do refused.extend(problems) -%}
        {%- do rows.append([result.node.unique_id, result.node.resource_type | string, 'refused' if problems else result.status | string, number | int,
            invocation_id, (result.node.depends_on.nodes | first) if result.node.resource_type == 'unit_test' else none]) -%}
    {%- endfor -%}
    {%- if rows -%}
        {%- set ids = [] -%}
        {%- for row in rows -%}{%- do ids.append(asof.literal(row[0])) -%}{%- endfor -%}
        {%- do asof.run_together(['delete from ' ~ asof.registry('results') ~ ' where unique_id in (' ~ ids | join(', ') ~ ')',
            asof.insert_sql('results', rows)]) -%}
    {%- endif -%}
    {%- do asof.fault_point('after_results') -%}
    {{- return(refused) -}}
{% endmacro %}

{# What our own tests found, in words: dbt prints a count only. #}
{% macro show_failures(results) %}
    {%- for result in results if result.node.resource_type == 'test' and result.status | string in ['fail', 'warn']
            and result.node.test_metadata and result.node.test_metadata.namespace == 'asof' -%}
        {%- for row in run_query('select * from (' ~ result.node.compiled_code ~ ') as problem limit 10').rows -%}
            {%- do asof.say(result.node.name ~ ': ' ~ row.values() | map('string') | join(' | ')) -%}
        {%- endfor -%}
    {%- endfor -%}
{% endmacro %}

{# Row count of each training set built: the examples' less those left out, and why. And which answers met a value never seen. #}
{% macro count_training(results) %}
    {%- set ns = namespace(lost=0) -%}
    {%- for result in results if result.node.resource_type == 'model' and result.status | string == 'success' and asof.role(result.node) == 'training' and not flags.EMPTY -%}
        {%- set service = asof.parse_model_name(result.node.name, 'training') -%}
        {%- set spec = asof.service_spec(service.name, service.version) -%}
        {%- set counts = asof.training_counts(spec) -%}
        {%- do asof.say(service.name ~ '@' ~ service.version ~ ': ' ~ counts.training ~ ' training rows of ' ~ counts.examples ~ ' examples; left out: '
            ~ asof.left_out_in_words(counts) ~ '.') -%}
        {%- if counts.training == 0 and counts.examples > 0 -%}{%- do asof.say_what_lacks(spec, counts) -%}{%- endif -%}
        {%- for why, count in asof.refused_requests(spec.examples_node) -%}
            {%- do asof.say(spec.id ~ ': ' ~ count ~ ' logged requests are no examples, since the API would refuse them by now: ' ~ why ~ '.') -%}
        {%- endfor -%}
        {%- set ns.lost = ns.lost + counts.lost -%}
        {%- for feature, rows in counts.unseen.items() if rows > 0 -%}
            {%- do asof.say(service.name ~ '@' ~ service.version ~ ': ' ~ feature ~ " is 'other' in " ~ rows ~ ' of ' ~ (counts.examples - counts.lost - counts.no_snapshot - counts.rejected)
                ~ ' answers to these examples: values that are none of its declared categories.') -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- if ns.lost > 0 -%}
        {%- do asof.say('lost are ' ~ asof.lost_stretches() | join('; ') ~ ': an older warehouse was restored, and the rows that were served then are not in it.') -%}
    {%- endif -%}
{% endmacro %}

{# Says what a training set without a single row lacks: a past of the service's groups, labels, or columns. #}
{% macro say_what_lacks(spec, counts) %}
    {%- set what = spec.id ~ ' has no training rows yet: ' -%}
    {%- if counts.no_snapshot > 0 -%}
        {%- do asof.say(what ~ counts.no_snapshot ~ ' examples are of times at which nothing was published. Give its groups a '
            ~ 'past and build again: ' ~ asof.backfill_command(spec)) -%}
    {%- elif counts.not_yet_labelled > 0 -%}
        {%- do asof.say(what ~ counts.not_yet_labelled ~ ' examples wait for a label_known_at that lies before this run ('
            ~ spec.examples_node.original_file_path ~ ').') -%}
    {%- else -%}
        {%- do asof.say(what ~ 'the answers to all examples are rejected (' ~ spec.node.original_file_path ~ ').') -%}
    {%- endif -%}
{% endmacro %}

{#
  The command that gives the groups of a service a past: from the day of its first example to the first moment that counts
  (or will, if this run does), so often that the features are never older than their max_age.
#}
{% macro backfill_command(spec) %}
    {%- set groups, ages, ends = [], [], [asof.run_as_of()] -%}
    {%- for group in spec.groups -%}
        {%- do groups.append('+' ~ group.spec.history_node.name) -%}
        {%- do ages.append(group.spec.max_age_seconds) -%}
        {%- set counted = asof.counted_span(group.spec.id) -%}
        {%- if counted.first -%}{%- do ends.append(counted.first) -%}{%- endif -%}
    {%- endfor -%}
    {%- set every = [ages | min - asof.publish_lag_seconds(), 60] | max -%}
    {%- set length = (every // 3600) ~ ' hours' if every >= 3600 else (every // 60) ~ ' minutes' -%}
    {%- set first = run_query('select min(prediction_time) from ' ~ asof.relation_of(spec.examples_node)).rows[0][0] -%}
    {%- set last = asof.as_datetime(ends | min) - modules.datetime.timedelta(seconds=1) -%}
    {{- return('dbt run --select ' ~ groups | unique | join(' ') ~ " --vars '{backfill: {from: " ~ asof.time_literal(first)[:10]
        ~ ', to: ' ~ asof.rfc3339(asof.time_literal(last))[:19] ~ 'Z, every: ' ~ length ~ "}}'") -}}
{% endmacro %}

{#
  Training sets as files, `<service>_v<n>.parquet`, so that they can be read while a build holds the warehouse. Each is written
  once its service (also one under construction) is green, and replaced whole.
#}
{% macro write_training_sets() %}
    {%- set built = asof.last_build() -%}
    {%- if asof.training_folder() is none or built is none or built.kind in ['backfill', 'empty', 'cutoff'] -%}{{- return(none) -}}{%- endif -%}
    {%- for node in asof.models_of('service') -%}
        {%- set spec = asof.service_spec_of(node) -%}
        {%- set training = asof.model_named(spec.base ~ '_training') -%}
        {%- if training is not none and asof.why_not_green(asof.publication_scope([], [spec]), built) is none -%}
            {%- do asof.make_private_folder(asof.training_folder()) -%}
            {%- do asof.fault_point('before_training_file') -%}
            {%- do asof.export_parquet('select * from ' ~ asof.relation_of(training) ~ ' order by prediction_time, row_id',
                asof.training_folder() ~ '/' ~ spec.base ~ '.parquet') -%}
            {%- do asof.fault_point('after_training_file') -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}

{#
  {examples, lost, no_snapshot, rejected, not_yet_labelled, training} of a service; each example is counted once, for the first reason in this order.
  And unseen: per feature with declared categories, in how many answers asof.known_category made it `other`. (Where `other` is a
  category of the source itself, nobody could tell.)
#}
{% macro training_counts(spec) %}
    {%- set examples = asof.relation_of(spec.examples_node) -%}
    {%- set training = asof.relation_of(asof.model_named(spec.base ~ '_training')) -%}
    {%- set categorical = [] -%}
    {%- for feature in spec.features if feature.meta.get('categories') and 'other' not in feature.meta.categories -%}{%- do categorical.append(feature.name) -%}{%- endfor -%}
    {%- set unseen_columns = [] -%}
    {%- for name in categorical -%}{%- do unseen_columns.append(", count(*) filter (where asof_answer." ~ name ~ " = 'other')") -%}{%- endfor -%}
    {%- set reasons = [] -%}
    {%- for why in asof.reasons_left_out() -%}
        {%- do reasons.append(', count(*) filter (where ' ~ asof.left_out(asof.cutoff(asof.clock_relation())) ~ " = '" ~ why ~ "')") -%}
    {%- endfor -%}
    {%- set row = run_query(
        'with asof_answers as (' ~ asof.answer_sql(spec, asof.relation_of(spec.node), asof.relation_of(spec.rows_node)) ~ ') '
        ~ 'select count(*), (select count(*) from ' ~ training ~ ')' ~ reasons | join('') ~ unseen_columns | join('') ~ ' '
        ~ 'from ' ~ examples ~ ' as asof_example left join asof_answers as asof_answer on asof_answer.row_id = cast(asof_example.row_id as varchar) '
        ~ 'left join ' ~ asof.lost_examples(spec, examples) ~ ' as asof_lost on asof_lost.row_id = cast(asof_example.row_id as varchar)').rows[0].values() -%}
    {%- set counts, unseen = {'examples': row[0] | int, 'training': row[1] | int}, {} -%}
    {%- for why, count in zip(asof.reasons_left_out(), row[2:]) -%}{%- do counts.update({why: count | int}) -%}{%- endfor -%}
    {%- for name, count in zip(categorical, row[2 + reasons | length:]) -%}{%- do unseen.update({name: count | int}) -%}{%- endfor -%}
    {%- do counts.update({'unseen': unseen}) -%}
    {{- return(counts) -}}
{% endmacro %}
