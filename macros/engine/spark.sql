{#
  Apache Spark: what differs of the SQL in which groups, entities and examples are written, and how Spark hands over.
  It has no transactions, and plain tables cannot be updated: tables are dropped and made anew. What it starts from and
  what it hands over are Parquet in the folder ASOF_ENGINE_FOLDER, which driver and workers see (asof/spark.py).
#}
{% macro spark__type_timestamptz() %}{{ return('timestamp') }}{% endmacro %}

{% macro spark__type_double() %}{{ return('double') }}{% endmacro %}

{% macro spark__time_of_zone(time, zone) -%} to_utc_timestamp({{ time }}, '{{ zone }}') {%- endmacro %}

{% macro spark__time_text(time) -%} concat(cast({{ time }} as string), '+00') {%- endmacro %}

{% macro spark__row_text(alias) -%} to_json(struct({{ alias }}.*)) {%- endmacro %}

{% macro spark__first_by(x, by) -%} min_by({{ x }}, struct({{ by | join(', ') }})) {%- endmacro %}

{% macro spark__series(first, last, seconds) -%}
    (
        select explode(sequence({{ first }}, {{ last }}, interval '{{ seconds }} seconds')) as moment
    )
{%- endmacro %}

{# As DuckDB: whole days and the rest of the microseconds apart, each as a double. #}
{% macro spark__hours_between(earlier, later) -%}
    {%- set micros = '(unix_micros(' ~ later ~ ') - unix_micros(' ~ earlier ~ '))' -%}
    ((({{ micros }} div 86400000000) * 86400D + ({{ micros }} % 86400000000) / 1000000D) / 3600D)
{%- endmacro %}

{# As DuckDB, in whole numbers. dbt-spark turns ANSI mode off, so what overflows is null: not here. #}
{% macro spark__exact_quotient(total, count, scale) -%}
    case when {{ count }} > 0 then coalesce(
        cast(
            cast(
                case when {{ total }} < 0 then -1 else 1 end
                * (
                    (cast(floor(abs({{ total }}) * cast(2{{ '0' * scale }} as decimal({{ scale + 1 }}, 0)))
                        as decimal(38, 0)) + {{ count }})
                    div (2 * {{ count }})
                )
                as decimal(18, 0)
            )
            * cast({{ '0.' ~ '0' * (scale - 1) if scale }}1 as decimal({{ [scale, 1] | max }}, {{ scale }}))
            as decimal(18, {{ scale }})
        ),
        raise_error('asof.mean: a mean or its sum has too many digits for Spark')
    ) end
{%- endmacro %}

{# Outside ANSI mode Spark reserves none. #}
{% macro spark__reserved_words() %}{{ return([]) }}{% endmacro %}

{% macro spark__check_session() %}
    {%- for name, wanted, why in [
        ('spark.sql.session.timeZone', 'UTC', 'days would be an hour off across a change of daylight saving time'),
        ('spark.sql.decimalOperations.allowPrecisionLoss', 'false', 'Spark would round decimals on the way'),
    ] -%}
        {%- set found = run_query('set ' ~ name).rows[0][1] -%}
        {%- if found != wanted -%}
            {{- asof.refuse('the session of Spark has ' ~ name ~ ' ' ~ found ~ ', and ' ~ why ~ '. Write under '
                ~ 'server_side_parameters of the target ' ~ target.name ~ ' in profiles.yml: `' ~ name ~ ': "'
                ~ wanted ~ '"`') -}}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}

{# -------------------- models #}

{% macro spark__make_group_view() %}
    {{ run_hooks(pre_hooks) }}
    {%- call statement('main') -%} create or replace view {{ this }} as {{ sql }} {%- endcall -%}
    {%- do asof.spark_hand_over(this, by_moment=true) -%}
    {{ run_hooks(post_hooks) }}
    {{- return({'relations': [this.incorporate(type='view')]}) -}}
{% endmacro %}

{% macro spark__has_transactions() %}{{ return(false) }}{% endmacro %}

{% macro spark__make_entity_table(declared, declared_sql, lives_sql) %}
    {%- set relation = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks) }}
    {%- do run_query('create or replace temporary view ' ~ declared ~ ' as ' ~ declared_sql) -%}
    {%- do run_query('drop table if exists ' ~ relation) -%}
    {%- call statement('main') -%} create table {{ relation }} using parquet as {{ lives_sql }} {%- endcall -%}
    {%- do asof.spark_hand_over(relation) -%}
    {{ run_hooks(post_hooks) }}
    {{- return({'relations': [relation]}) -}}
{% endmacro %}

{#
  The three macros of dbt below are taken by a project that is not this one only where its dbt_project.yml says so
  (docs/move-to-spark.md). dbt-spark takes types as they are written, and writes a null of a seed as the text None.
#}
{% macro spark_type(type) %}
    {{- return({'varchar': 'string', 'text': 'string', 'timestamptz': 'timestamp', 'double precision': 'double',
        'timestamp with time zone': 'timestamp'}.get(type | lower, type)) -}}
{% endmacro %}

{% macro spark__get_empty_schema_sql(columns) %}
    {%- set typed = {} -%}
    {%- for name, column in columns.items() -%}
        {%- do typed.update({name: dict(column, data_type=asof.spark_type(column.data_type))}) -%}
    {%- endfor -%}
    {{- return(dbt.default__get_empty_schema_sql(typed)) -}}
{% endmacro %}

{% macro spark_seed_types(model, agate_table) %}
    {%- set types = {} -%}
    {%- for name in agate_table.column_names -%}
        {%- set type = model.config.column_types.get(name) or adapter.convert_type(agate_table, loop.index0) -%}
        {%- do types.update({name: asof.spark_type(type)}) -%}
    {%- endfor -%}
    {{- return(types) -}}
{% endmacro %}

{% macro spark__create_csv_table(model, agate_table) %}
    {%- set columns = [] -%}
    {%- for name, type in asof.spark_seed_types(model, agate_table).items() -%}
        {%- do columns.append(name ~ ' ' ~ type) -%}
    {%- endfor -%}
    {%- set sql = 'create table ' ~ this ~ ' (' ~ columns | join(', ') ~ ') using parquet' -%}
    {%- do run_query(sql) -%}
    {{- return(sql) -}}
{% endmacro %}

{% macro spark_literal(value) -%}
    {{- 'null' if value is none else "'" ~ value | string | replace('\\', '\\\\') | replace("'", "\\'") ~ "'" -}}
{%- endmacro %}

{% macro spark__load_csv_rows(model, agate_table) %}
    {%- set types = asof.spark_seed_types(model, agate_table) -%}
    {%- set sql -%}
        insert into {{ this }}
        select
            {%- for name, type in types.items() %}
            cast({{ name }} as {{ type }}){{ ',' if not loop.last }}
            {%- endfor %}
        from values
            {%- for row in agate_table.rows %}
            ({% for value in row %}{{ asof.spark_literal(value) }}{{ ', ' if not loop.last }}{% endfor %})
            {{- ',' if not loop.last }}
            {%- endfor %}
        as seed ({{ types | join(', ') }})
    {%- endset -%}
    {%- if agate_table.rows | length -%}{%- do run_query(sql) -%}{%- endif -%}
    {{- return(sql) -}}
{% endmacro %}

{% macro spark__columns_of(relation) %}
    {%- set columns = {} -%}
    {%- for column in adapter.get_columns_in_relation(relation) -%}
        {%- do columns.update({column.name: column.dtype}) -%}
    {%- endfor -%}
    {{- return(columns) -}}
{% endmacro %}

{# -------------------- the hand-over #}

{% macro spark__begin_engine_run(tables) %}
    {%- set folder = env_var('ASOF_ENGINE_FOLDER', '') -%}
    {%- for relation, name in tables if folder -%}
        {%- do run_query('create schema if not exists ' ~ relation.schema) -%}
        {%- do run_query('drop table if exists ' ~ relation) -%}
        {%- do run_query('create table ' ~ relation ~ ' using parquet as select * from parquet.`' ~ folder ~ '/in/'
            ~ name ~ '.parquet`') -%}
    {%- endfor -%}
{% endmacro %}

{#
  Writes the rows of a relation as Parquet; `_SUCCESS` is written last. by_moment: in one folder for each moment, named
  by its microseconds since 1970.
#}
{% macro spark_hand_over(relation, by_moment=false) %}
    {%- set folder = env_var('ASOF_ENGINE_FOLDER', '') -%}
    {%- if not folder -%}{{- return(none) -}}{%- endif -%}
    {%- if by_moment -%}
        {%- set path = folder ~ '/out/' ~ relation.schema ~ '.' ~ relation.identifier -%}
        {%- set table = relation.incorporate(path={'identifier': 'asof_handed_over_' ~ relation.identifier}) -%}
        {%- set sql -%}
            create table {{ table }} using parquet partitioned by (asof_moment) location '{{ path }}' as
            select /*+ rebalance(asof_moment) */ *
            from (select *, unix_micros(as_of) as asof_moment from {{ relation }}) as handed_over
        {%- endset -%}
        {%- do run_query('drop table if exists ' ~ table) -%}
        {%- do run_query(sql) -%}
        {#- the files stay: the table is external -#}
        {%- do run_query('drop table ' ~ table) -%}
    {%- else -%}
        {%- do asof.spark_write_out(relation.schema ~ '.' ~ relation.identifier, 'select * from ' ~ relation) -%}
    {%- endif -%}
{% endmacro %}

{#
  Hands over an event model's rows of the 56 days up to a moment, of many a part by their event_id, so that each hour
  keeps its share. `recent` has the moment and how many rows at most, or no row.
#}
{% macro spark_hand_over_recent(relation) %}
    {%- set folder = env_var('ASOF_ENGINE_FOLDER') -%}
    {%- set sql -%}
        with recent as (
            select event.*
            from {{ relation }} as event
            inner join parquet.`{{ folder }}/in/recent.parquet` as build
                on event.known_at <= build.at and event.known_at > build.at - interval 56 days
        )
        select recent.*
        from recent
        where pmod(hash(event_id), (
            select greatest(1, round((select count(*) from recent) / build.rows))
            from parquet.`{{ folder }}/in/recent.parquet` as build
        )) = 0
    {%- endset -%}
    {%- do asof.spark_write_out('recent.' ~ relation.schema ~ '.' ~ relation.identifier, sql) -%}
{% endmacro %}

{# Hands over the examples, the columns of all that was built, and what is known of event models. #}
{% macro spark__end_engine_run(built) %}
    {%- set folder = env_var('ASOF_ENGINE_FOLDER', '') -%}
    {%- if not folder -%}{{- return(none) -}}{%- endif -%}
    {%- set columns, known = [], [] -%}
    {%- set is_recent_wanted = run_query('select 1 from parquet.`' ~ folder ~ '/in/recent.parquet`').rows | length -%}
    {%- for relation, role in built -%}
        {%- set name = relation.schema ~ '.' ~ relation.identifier -%}
        {%- set types = asof.columns_of(relation) -%}
        {%- do columns.append((name, types)) -%}
        {%- if role == 'examples' -%}
            {%- do asof.spark_hand_over(relation) -%}
        {%- elif role == 'event' -%}
            {%- set sql -%}
                select counted.relation, counted.at, count(event.known_at) as rows, max(event.known_at) as newest
                from parquet.`{{ folder }}/in/known_at.parquet` as counted
                left join {{ relation }} as event on event.known_at <= counted.at
                where counted.relation = '{{ name }}'
                group by counted.relation, counted.at
            {%- endset -%}
            {%- do known.append(sql) -%}
            {%- if is_recent_wanted and types.known_at == 'timestamp' and types.event_id and types.occurred_at -%}
                {%- do asof.spark_hand_over_recent(relation) -%}
            {%- endif -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do asof.spark_write_out('known', known | join(' union all ')) -%}
    {%- do asof.spark_write_columns(columns) -%}
{% endmacro %}

{# Writes what a query gives as Parquet, for asof to read. Without a query, nothing. #}
{% macro spark_write_out(name, sql) %}
    {%- if sql -%}
        {%- do run_query("insert overwrite directory '" ~ env_var('ASOF_ENGINE_FOLDER') ~ '/out/' ~ name
            ~ "' using parquet " ~ sql) -%}
    {%- endif -%}
{% endmacro %}

{# Writes which columns relations have: pairs of a relation's name and its types by column. #}
{% macro spark_write_columns(relations) %}
    {%- set rows = [] -%}
    {%- for relation, types in relations -%}
        {%- for name, type in types.items() -%}
            {%- do rows.append("('" ~ relation ~ "', " ~ loop.index ~ ", '" ~ name ~ "', '" ~ type ~ "')") -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- set sql -%}
        select * from values {{ rows | join(', ') }} as columns (relation, place, name, type)
    {%- endset -%}
    {%- do asof.spark_write_out('columns', sql if rows) -%}
{% endmacro %}

{#
  For the proof: runs the statements of `in/steps.parquet`, in order, and hands over what it says. Prints each relation
  before it is made, so that one which fails is known, and last as JSON of each its columns and what it reads.
#}
{% macro spark_rebuild() %}
    {%- set steps_sql -%}
        select relation, sql, is_handed_over from parquet.`{{ env_var('ASOF_ENGINE_FOLDER') }}/in/steps.parquet`
        order by place
    {%- endset -%}
    {%- set found, handed_over = {}, [] -%}
    {%- for step in run_query(steps_sql).rows -%}
        {%- if step.relation -%}{%- do print('asof builds ' ~ step.relation) -%}{%- endif -%}
        {%- if step.sql -%}{%- do run_query(step.sql) -%}{%- endif -%}
        {%- if step.relation -%}
            {%- set schema, _, identifier = step.relation.partition('.') -%}
            {%- set relation = api.Relation.create(schema=schema, identifier=identifier) -%}
            {%- set types = asof.columns_of(relation) -%}
            {%- set plan = run_query('explain extended select * from ' ~ relation).columns[0].values()[0] -%}
            {%- set reads = modules.re.findall('SubqueryAlias spark_catalog[.]([a-zA-Z0-9_.]+)', plan) -%}
            {%- do found.update({step.relation: {'columns': types.keys() | list, 'reads': reads | unique | list}}) -%}
            {%- if step.is_handed_over -%}
                {%- do asof.spark_hand_over(relation) -%}
                {%- do handed_over.append((step.relation, types)) -%}
            {%- endif -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do asof.spark_write_columns(handed_over) -%}
    {%- do print(tojson(found)) -%}
{% endmacro %}
