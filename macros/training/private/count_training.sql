{#
  Row count of each training set built: the examples' less those left out, and why. And which answers met a value
  never seen.
#}
{% macro count_training(results) %}
    {%- set ns = namespace(lost=0) -%}
    {%- for result in results if result.node.resource_type == 'model' and result.status | string == 'success'
        and asof.role(result.node) == 'training' and not flags.EMPTY -%}
        {%- set service = asof.parse_model_name(result.node.name, 'training') -%}
        {%- set spec = asof.service_spec(service.name, service.version) -%}
        {%- set counts = asof.training_counts(spec) -%}
        {%- do asof.say(service.name ~ '@' ~ service.version ~ ': ' ~ counts.training ~ ' training rows of '
            ~ counts.examples ~ ' examples; left out: ' ~ asof.left_out_in_words(counts) ~ '.') -%}
        {%- if counts.training == 0 and counts.examples > 0 -%}{%- do asof.say_what_lacks(spec, counts) -%}{%- endif -%}
        {%- for why, count in asof.refused_requests(spec.examples_node) -%}
            {%- do asof.say(spec.id ~ ': ' ~ count ~ ' logged requests are no examples, since the API would refuse '
                ~ 'them by now: ' ~ why ~ '.') -%}
        {%- endfor -%}
        {%- set ns.lost = ns.lost + counts.lost -%}
        {%- for feature, rows in counts.unseen.items() if rows > 0 -%}
            {%- do asof.say(service.name ~ '@' ~ service.version ~ ': ' ~ feature ~ " is 'other' in " ~ rows ~ ' of '
                ~ (counts.examples - counts.lost - counts.no_snapshot - counts.rejected)
                ~ ' answers to these examples: values that are none of its declared categories.') -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- if ns.lost > 0 -%}
        {%- do asof.say('lost are ' ~ asof.lost_stretches() | join('; ') ~ ': an older warehouse was restored, and '
            ~ 'the rows that were served then are not in it.') -%}
    {%- endif -%}
{% endmacro %}

{#
  {examples, lost, no_snapshot, rejected, not_yet_labelled, training} of a service; each example is counted once, for
  the first reason in this order. And unseen: per feature with declared categories, in how many answers
  asof.known_category made it `other`. (Where `other` is a category of the source itself, nobody could tell.)
#}
{% macro training_counts(spec) %}
    {%- set examples = asof.relation_of(spec.examples_node) -%}
    {%- set training = asof.relation_of(asof.training_of(spec.node)) -%}
    {%- set categorical = [] -%}
    {%- for feature in spec.features if feature.meta.get('categories') and 'other' not in feature.meta.categories -%}
        {%- do categorical.append(feature.name) -%}
    {%- endfor -%}
    {%- set left_out = asof.left_out(asof.cutoff(asof.clock_relation())) -%}
    {%- set reasons = asof.reasons_left_out() -%}
    {%- set sql -%}
        with asof_answers as (
            {{ asof.answer_sql(spec, asof.relation_of(spec.node), asof.relation_of(spec.rows_node)) }}
        )
        select
            count(*),
            (select count(*) from {{ training }})
            {%- for why in reasons %},
            count(*) filter (where {{ left_out }} = '{{ why }}')
            {%- endfor %}
            {%- for name in categorical %},
            count(*) filter (where asof_answer.{{ name }} = 'other')
            {%- endfor %}
        from {{ examples }} as asof_example
        left join asof_answers as asof_answer on asof_answer.row_id = cast(asof_example.row_id as varchar)
        left join {{ asof.lost_examples(spec, examples) }} as asof_lost
            on asof_lost.row_id = cast(asof_example.row_id as varchar)
    {%- endset -%}
    {%- set row = run_query(sql).rows[0].values() -%}
    {%- set counts, unseen = {'examples': row[0] | int, 'training': row[1] | int}, {} -%}
    {%- for why, count in zip(reasons, row[2:]) -%}
        {%- do counts.update({why: count | int}) -%}
    {%- endfor -%}
    {%- for name, count in zip(categorical, row[2 + reasons | length:]) -%}
        {%- do unseen.update({name: count | int}) -%}
    {%- endfor -%}
    {%- do counts.update({'unseen': unseen}) -%}
    {{- return(counts) -}}
{% endmacro %}
