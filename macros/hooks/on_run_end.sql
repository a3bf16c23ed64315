{# After a command that builds or tests: its results are kept, what failed is shown, the training sets are counted, and what is green is published. #}
{% macro on_run_end(results) %}
    {%- if execute and flags.WHICH in ['seed', 'run', 'build', 'test', 'snapshot', 'retry'] -%}
        {#- under a cut-off the tests saw less than all of training: they vouch for nothing -#}
        {%- set vouches = asof.training_cutoff() is none -%}
        {%- if vouches -%}{%- do asof.keep_results(results) -%}{%- endif -%}
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
            {%- elif asof.backfill_range() is none -%}{%- do asof.publish() -%}
            {%- endif -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

{# The last result of each node, with the run it came from. #}
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
    {%- if refused -%}{{- asof.refuse(refused | join('\n')) -}}{%- endif -%}
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
        {%- set counts = asof.training_counts(asof.service_spec(service.name, service.version)) -%}
        {%- do asof.say(service.name ~ '@' ~ service.version ~ ': ' ~ counts.training ~ ' training rows of ' ~ counts.examples ~ ' examples; left out: '
            ~ asof.left_out_in_words(counts) ~ '.') -%}
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
