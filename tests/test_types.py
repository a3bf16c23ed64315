"""Every type of a column: what is taken comes through training and the API exactly, all others the build refuses."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import pytest
from asof.serve.sqltypes import parse_type

from tests.world import World

# Of each type the smallest, the largest, and what is apt to be lost, as SQL and as JSON spells it
TAKEN: dict[str, list[tuple[str, str]]] = {
    "varchar": [("''", '""'), ("'ä\"\\'", '"ä\\"\\\\"')],
    "uuid": [
        ("'00000000-0000-0000-0000-000000000000'", '"00000000-0000-0000-0000-000000000000"'),
        ("'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF'", '"ffffffff-ffff-ffff-ffff-ffffffffffff"'),
    ],
    "boolean": [("false", "false"), ("true", "true")],
    "tinyint": [("'-128'", "-128"), ("'127'", "127")],
    "smallint": [("'-32768'", "-32768"), ("'32767'", "32767")],
    "integer": [("'-2147483648'", "-2147483648"), ("'2147483647'", "2147483647")],
    "bigint": [("'-9223372036854775808'", "-9223372036854775808"), ("'9223372036854775807'", "9223372036854775807")],
    "float": [("'-0.0'", "0.0"), ("'0.1'", "0.10000000149011612")],
    "double": [("'-0.0'", "0.0"), ("'0.1'", "0.1")],
    "decimal(18,2)": [("'-9999999999999999.99'", "-9999999999999999.99"), ("'0.10'", "0.10")],
    "decimal(38,0)": [(f"'{'9' * 38}'", "9" * 38), (f"'-{'9' * 38}'", "-" + "9" * 38)],
    "decimal(38,10)": [
        ("'1234567890123456789012345678.0123456789'", "1234567890123456789012345678.0123456789"),
        ("'-0.0000000001'", "-0.0000000001"),
    ],
    "date": [("'0001-01-01'", '"0001-01-01"'), ("'9999-12-31'", '"9999-12-31"')],
    "timestamptz": [
        ("'0001-01-01 00:00:00+00'", '"0001-01-01T00:00:00Z"'),
        ("'2026-05-01 11:59:59.999999+00'", '"2026-05-01T11:59:59.999999Z"'),  # stored times lie in the past
    ],
}
FLOATS = ("float", "double")
NOW = "2026-05-01 12:00"


# What the engine has beside them: how to write one, where its name alone is no type of a value
INSTANCES = {
    "array": "cast(null as integer[3])",
    "list": "cast(null as integer[])",
    "map": "cast(null as map(varchar, integer))",
    "struct": "cast(null as struct(a integer))",
    "row": "cast(null as row(a integer))",
    "tuple": "row(1)",
    "union": "cast(null as union(a integer))",
    "enum": "cast(null as enum('a'))",
    "null": "null",
    "type": None,  # of no value
}
MORE = {
    text: f"cast(null as {text})"
    for text in (
        *("integer[][]", "hugeint[]", "timestamp[]", "decimal(38,38)", "numeric( 5 , 2 )", "varchar(20)", "text[]"),
        *("timestamp with time zone", "double precision", "json[]", "decimal(5,2)[]"),
    )
}


def column_of(type_: str) -> str:
    return "k_" + "".join(each if each.isalnum() else "_" for each in type_)


def in_list(values: list[str]) -> str:
    return f"[{', '.join(values)}]"


# (name, type, the SQL of some values, the same in JSON), of every type and of lists of it
COLUMNS = [
    (column_of(type_), type_, [sql for sql, _ in values] + ["null"], [text for _, text in values] + ["null"])
    for type_, values in TAKEN.items()
] + [
    (
        column_of(type_) + "_list",
        type_ + "[]",
        [in_list([sql for sql, _ in values]), "[]", in_list(["null", values[0][0]])],
        [in_list([text for _, text in values]), "[]", in_list(["null", values[0][1]])],
    )
    for type_, values in TAKEN.items()
]
LAST = ("['9999-12-31 23:59:59.999999+00']", '["9999-12-31T23:59:59.999999Z"]')
COLUMNS.append(("k_last", "timestamptz[]", [LAST[0]] * 3, [LAST[1]] * 3))
# The same sent along; a list that holds null is none that a caller may send
SENT = [(f"request_{name}", type_, [*sql[:2], "null"], [*texts[:2], "null"]) for name, type_, sql, texts in COLUMNS]
ROWS = range(3)
# A key of every type that may be one, all in one group
KEYS = [each for each in COLUMNS if not each[1].endswith("[]") and each[1] not in FLOATS]


def yaml_columns(columns: list[tuple[str, str]], more: str = "") -> str:
    return "".join(
        f'      - {{name: {name}, data_type: "{type_}", description: As named.{more}}}\n' for name, type_ in columns
    )


def negative_zero(name: str, type_: str) -> str:
    """A column with -0.0 for 0.0: the warehouse would lose the sign on the way from the raw table."""
    return f"case when {name} = 0 then -cast(0 as {type_}) else {name} end as {name}" if type_ in FLOATS else name


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory, parsed_world: Path) -> World:
    """A group with a column of each type, and a service that answers them, and what is sent along of each type."""
    world = World(tmp_path_factory.mktemp("types") / "world", template=parsed_world)
    stored = [(name, type_) for name, type_, *_ in COLUMNS]
    sent = [(name, type_) for name, type_, *_ in SENT]
    columns = ", ".join(f"{name} {type_}" for name, type_ in stored)
    requested = ", ".join(f"{name} {type_}" for name, type_ in sent)
    world.execute(f"create table raw.kinds (kind_id varchar, {columns})")
    world.execute(f"create table raw.asked (row_id varchar, kind_id varchar, {requested})")
    for at in ROWS:
        for table, key, of in (("kinds", f"'{at}'", COLUMNS), ("asked", f"'{at}', '{at}'", SENT)):
            values = ", ".join(f"{sql[at]}::{type_}" for _, type_, sql, _ in of)
            world.execute(f"insert into raw.{table} values ({key}, {values})")
    models = world.folder / "models"
    (models / "staging" / "stg_kinds.sql").write_text(
        "select kind_id as event_id, timestamptz '2026-05-01 08:00:00+00' as occurred_at, "
        "timestamptz '2026-05-01 08:00:00+00' + interval (if(kind_id = '3', 359, 0)) minute as known_at, "
        "* from raw.kinds"
    )
    (models / "staging" / "stg_kinds.yml").write_text(
        "models:\n  - name: stg_kinds\n    description: Kinds.\n    data_tests: [asof.events]\n"
        "    columns: [{name: event_id}, {name: occurred_at}, {name: known_at}]\n"
    )
    (models / "entities" / "kinds.sql").write_text(
        "select kind_id, min(known_at) as first_seen_at from {{ ref('stg_kinds') }} group by kind_id"
    )
    (models / "entities" / "kinds.yml").write_text(
        "models:\n  - name: kinds\n    description: Kinds.\n    data_tests: [asof.entity]\n"
        "    columns: [{name: kind_id}, {name: first_seen_at}]\n"
    )
    (models / "features" / "kind_v1.sql").write_text(
        f"select point.kind_id, point.as_of, {', '.join(negative_zero(name, type_) for name, type_ in stored)}\n"
        "from {{ asof.points(ref('kinds')) }} as point\n"
        "{{ asof.left_join_last_known(ref('stg_kinds'), as='kind', on='kind_id') }}\n"
    )
    (models / "features" / "kind.yml").write_text(
        "models:\n  - name: kind\n    latest_version: 1\n    description: Of each type one.\n"
        "    config: {meta: {owner: tests, max_age: 2 hours}}\n    data_tests: [asof.feature_group]\n    columns:\n"
        + yaml_columns([("kind_id", "varchar"), ("as_of", "timestamptz"), *stored])
        + "    versions: [{v: 1}]\n"
    )
    (models / "history" / "kind_v1_history.sql").write_text("{{ asof.history() }}")
    (models / "online" / "kind_v1_latest.sql").write_text("{{ asof.latest() }}")
    (models / "services" / "echo_examples.sql").write_text(
        "select *, timestamptz '2026-05-01 12:30:00+00' as prediction_time, true as outcome,"
        " timestamptz '2026-05-01 12:30:00+00' as label_known_at from raw.asked"
        " where timestamptz '2026-05-01 12:30:00+00' < {{ asof.cutoff() }}"
    )
    (models / "services" / "echo_v1_rows.sql").write_text("{{ asof.rows(['kind@1']) }}")
    (models / "services" / "echo_v1.sql").write_text(
        f"select row_id, {', '.join(name for name, _ in stored + sent)},"
        " -k_double * 0 as computed, cast(k_float as varchar) as spelled,"
        " cast(request_k_float as varchar) as sent_spelled from {{ ref('echo_v1_rows') }}"
    )
    computed = [("computed", "double"), ("spelled", "varchar"), ("sent_spelled", "varchar")]
    (models / "training" / "echo_v1_training.sql").write_text("{{ asof.training() }}")
    times = [("prediction_time", "timestamptz"), ("label_known_at", "timestamptz")]
    (models / "services" / "echo.yml").write_text(
        "models:\n  - name: echo_examples\n    description: What is asked.\n    config: {materialized: table}\n"
        "    data_tests: [asof.examples]\n    columns:\n"
        + yaml_columns([("row_id", "varchar"), ("kind_id", "varchar"), *times])
        + yaml_columns(sent, ", config: {meta: {optional: true}}")
        + yaml_columns([("outcome", "boolean")], ", config: {meta: {label: true}}")
        + "  - name: echo\n    latest_version: 1\n    description: Of each type one, and one sent along.\n"
        "    config: {meta: {owner: tests}}\n    data_tests: [asof.service]\n    columns:\n"
        + yaml_columns([("row_id", "varchar"), *stored, *sent, *computed])
        + "    versions: [{v: 1}]\n"
    )
    add_keyed(world)
    world.build(NOW)
    world.build("2026-05-01 13:00")
    return world


def add_keyed(world: World) -> None:
    """A group of one row per composite key, and a service that finds it by what is sent."""
    models, names = world.folder / "models", [name for name, *_ in KEYS]
    (models / "entities" / "keyed.sql").write_text(
        f"select {', '.join(names)}, min(known_at) as first_seen_at from {{{{ ref('stg_kinds') }}}}"
        f" where kind_id <> '2' group by {', '.join(names)}"
    )
    (models / "entities" / "keyed.yml").write_text(
        "models:\n  - name: keyed\n    description: Keys.\n    data_tests: [asof.entity]\n"
        f"    columns: [{', '.join(f'{{name: {name}}}' for name in [*names, 'first_seen_at'])}]\n"
    )
    (models / "features" / "key_v1.sql").write_text(
        f"select {', '.join(f'point.{name}' for name in names)}, point.as_of, max(kind.kind_id) as found_id\n"
        "from {{ asof.points(ref('keyed')) }} as point\n"
        f"{{{{ asof.left_join_known(ref('stg_kinds'), as='kind', on={names}) }}}} group by all"
    )
    keys = [(name, type_) for name, type_, *_ in KEYS]
    (models / "features" / "key.yml").write_text(
        "models:\n  - name: key\n    latest_version: 1\n    description: Of each type one.\n"
        "    config: {meta: {owner: tests, max_age: 2 hours}}\n    data_tests: [asof.feature_group]\n    columns:\n"
        + yaml_columns([*keys, ("as_of", "timestamptz"), ("found_id", "varchar")])
        + "    versions: [{v: 1}]\n"
    )
    (models / "history" / "key_v1_history.sql").write_text("{{ asof.history() }}")
    (models / "online" / "key_v1_latest.sql").write_text("{{ asof.latest() }}")
    (models / "services" / "find_examples.sql").write_text(
        f"select kind_id as row_id, {', '.join(names)}, timestamptz '2026-05-01 12:30:00+00' as prediction_time,"
        " timestamptz '2026-05-01 12:30:00+00' as label_known_at from {{ ref('stg_kinds') }} where kind_id <> '2'"
        " and timestamptz '2026-05-01 12:30:00+00' < {{ asof.cutoff() }}"
    )
    (models / "services" / "find_v1_rows.sql").write_text("{{ asof.rows(['key@1']) }}")
    (models / "services" / "find_v1.sql").write_text("select row_id, found_id from {{ ref('find_v1_rows') }}")
    (models / "training" / "find_v1_training.sql").write_text("{{ asof.training() }}")
    times = [("prediction_time", "timestamptz"), ("label_known_at", "timestamptz")]
    (models / "services" / "find.yml").write_text(
        "models:\n  - name: find_examples\n    description: Keys.\n    config: {materialized: table}\n"
        "    data_tests: [asof.examples]\n    columns:\n"
        + yaml_columns([("row_id", "varchar"), *keys, *times])
        + "  - name: find\n    latest_version: 1\n    description: What is found.\n"
        "    config: {meta: {owner: tests}}\n    data_tests: [asof.service]\n    columns:\n"
        + yaml_columns([("row_id", "varchar"), ("found_id", "varchar")])
        + "    versions: [{v: 1}]\n"
    )


@pytest.fixture(scope="module")
def answers(kinds: World) -> list[dict[str, str]]:
    """What the API answers of each row as JSON spells it, where what is stored is sent along."""
    entities = []
    for at in ROWS:
        sent = {name: texts[at] for name, _, _, texts in SENT}
        entities.append("{" + ", ".join(f'"{name}": {text}' for name, text in sent.items()) + f', "kind_id": "{at}"}}')
    with kinds.shim("2026-05-01 12:30") as client:
        response = client.post(
            "/v1/services/echo",
            data=f'{{"entities": [{", ".join(entities)}]}}'.replace(": 0.0", ": -0.0").replace("[0.0", "[-0.0"),
            content_type="application/json",
        )
    assert response.status_code == 200, response.get_data(as_text=True)
    text = response.get_data(as_text=True)
    exact = json.JSONDecoder(parse_float=Number, parse_int=Number)
    return [row["features"] for row in exact.decode(text)["rows"]]


class Number(str):
    """A number as it is spelled."""


def spelled(value: Any) -> Any:
    """A value of a training row as JSON would spell it, numbers as Number."""
    if isinstance(value, list):
        return [spelled(each) for each in value]
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat() + "Z"
    if isinstance(value, date):
        return str(value)
    if isinstance(value, UUID):
        return str(value)
    return Number(format(value, "f") if isinstance(value, Decimal) else repr(value))


def read(texts: str) -> Any:
    return json.JSONDecoder(parse_float=Number, parse_int=Number).decode(texts)


def test_every_type_is_answered_and_trained_as_it_is_stored_and_sent(
    kinds: World, answers: list[dict[str, Any]]
) -> None:
    """To the last digit, in the table and in the file; -0.0 is 0.0 everywhere, also before a service spells it."""
    expected = [
        {name: read(texts[at]) for name, _, _, texts in COLUMNS + SENT}
        | {
            "computed": None if at == 2 else Number("0.0"),
            "spelled": ["0.0", "0.1", None][at],
            "sent_spelled": ["0.0", "0.1", None][at],
        }
        for at in ROWS
    ]
    assert answers == expected
    for found in (kinds.training("echo_v1"), rows_of(kinds.folder / "training" / "echo_v1.parquet", "row_id")):
        assert [{name: spelled(found[str(at)][name]) for name in expected[at]} for at in ROWS] == expected


def test_every_type_is_recorded_and_answered_in_a_batch_as_it_is_stored(kinds: World) -> None:
    expected = {str(at): {name: read(texts[at]) for name, _, _, texts in COLUMNS} for at in ROWS}
    names = [name for name, *_ in COLUMNS]
    history = kinds.history("kind", f"kind_id, as_of, {', '.join(names)}")
    assert {key: dict(zip(names, map(spelled, row), strict=True)) for key, _, *row in history} == expected
    kinds.dbt("run-operation", "batch", "--args", "{service: echo, to: batch.parquet}", now="2026-05-01 13:10")
    batch = rows_of(kinds.folder / "batch.parquet", "kind_id")
    assert {key: {name: spelled(row[name]) for name in names} for key, row in batch.items()} == expected


def test_a_key_of_every_type_is_found_by_the_api_and_in_training(kinds: World) -> None:
    keys = [{name: json.loads(texts[at], parse_float=str, parse_int=int) for name, *_, texts in KEYS} for at in (0, 1)]
    body = ", ".join("{" + ", ".join(f'"{name}": {texts[at]}' for name, *_, texts in KEYS) + "}" for at in (0, 1))
    with kinds.shim("2026-05-01 12:30") as client:
        posted = client.post("/v1/services/find", data=f'{{"entities": [{body}]}}', content_type="application/json")
        got = [client.get("/v1/services/find", query_string=each | spelled_in_a_query(each)) for each in keys]
    assert [row["features"] for row in posted.get_json()["rows"]] == [{"found_id": "0"}, {"found_id": "1"}]
    assert [one.get_json()["rows"] for one in got] == [[row] for row in posted.get_json()["rows"]]
    trained = kinds.training("find_v1")
    assert {row_id: (row["status"], row["found_id"]) for row_id, row in trained.items()} == {
        "0": ("OK", "0"),
        "1": ("OK", "1"),
    }
    for row_id, row in trained.items():
        assert [spelled(row[name]) for name, *_ in KEYS] == [read(texts[int(row_id)]) for *_, texts in KEYS]


def spelled_in_a_query(key: dict[str, Any]) -> dict[str, str]:
    return {name: json.dumps(value) for name, value in key.items() if not isinstance(value, str)}


def test_each_type_of_the_engine_is_taken_or_refused_with_a_cast_that_gives_one_that_is(kinds: World) -> None:
    """By the build and the shim alike. What the engine adds in a later version is met here too."""
    (kinds.folder / "macros" / "parsed_types.sql").write_text(
        "{% macro parsed_types(types) %}{% set found = {} %}"
        "{% for type in types %}{% do found.update({type: asof.parse_type(type)}) %}{% endfor %}"
        "{% do print(tojson(found)) %}{% endmacro %}\n"
    )
    with duckdb.connect() as engine:
        engine.execute("set TimeZone = 'UTC'")

        def type_of(sql: str) -> str:
            return engine.execute(f"describe select {sql} as v").fetchone()[1]

        names = [name for (name,) in engine.execute("select distinct type_name from duckdb_types()").fetchall()]
        written = {name.lower(): INSTANCES.get(name.lower(), f"cast(null as {name})") for name in names} | MORE
        given = {name: type_of(sql) for name, sql in written.items() if sql}
        parsed = parsed_types(kinds, [*given, *given.values()])
        casts = {name: parsed[given[name]]["cast"].replace("x", f"({written[name]})", 1) for name in given}
        cast_types = parsed_types(
            kinds, [type_of(sql) for name, sql in casts.items() if not parsed[given[name]]["name"]]
        )
        for name, found in given.items():
            taken, is_key, cast_type = (parsed[found][each] for each in ("name", "is_key", "cast_type"))
            if name not in INSTANCES:  # a YAML that spells it so is understood as the engine does
                assert parsed[name]["name"] == taken or name in ("decimal", "dec", "numeric"), name
            if taken:
                assert parse_type(taken).name == taken
                assert taken.partition("(")[0].removesuffix("[]") in {each.partition("(")[0] for each in TAKEN}, name
                assert is_key == (taken not in FLOATS and not taken.endswith("[]")), name
                continue
            assert not is_key
            assert cast_types[type_of(casts[name])]["name"] == cast_type, (name, casts[name])
            if name != "integer[][]":  # which snapshots of format 1 may hold
                with pytest.raises(ValueError, match="type"):
                    parse_type(found)
    assert {"hugeint", "time", "json", "interval", "timestamp"} <= {name for name in given if not parsed[name]["name"]}


def parsed_types(world: World, types: list[str]) -> dict[str, dict[str, Any]]:
    run = world.dbt("run-operation", "parsed_types", "--args", json.dumps({"types": types}), now="2026-05-01 13:20")
    return json.loads(next(line for line in run.output.splitlines() if line.startswith("{")))


def test_sql_that_gives_another_type_than_declared_is_refused_before_anything_is_recorded(kinds: World) -> None:
    """Each in a version of its own; among them a type that a column may have, but not this one."""
    models = kinds.folder / "models"
    sound = (models / "features" / "place_v1.sql").read_text()
    says = {
        "sum(attribute.size)": "but its SQL gives hugeint. Write `cast(sum(x) as integer) as size`: hugeint is no type",
        "cast(null as decimal(9,2))": "but its SQL gives decimal(9,2). Write `cast(<expression> as integer) as size`, "
        "or declare `data_type: decimal(9,2)`.",
        "cast(null as timestamp)": "but its SQL gives timestamp. Write `<expression> at time zone 'UTC' as size`: "
        "timestamp is no type of a column. The types are varchar, uuid, ",
        "cast(null as json)": "but its SQL gives json. Write `cast(<expression> as integer) as size`",
        "cast(null as time)": "but its SQL gives time. Write",
        "cast(null as interval)": "Write `cast(epoch_us(<expression>) as bigint) as size`",
        "cast(null as struct(a integer))": "Write `cast(to_json(<expression>) as varchar) as size`",
        "cast(null as integer[3])": "Write `cast(<expression> as integer) as size`: integer[3] is no type of a column",
        "cast(null as hugeint[])": "Write `list_transform(<expression>, lambda item: cast(item as bigint)) as size`",
        "null": 'but its SQL gives "null". Write `cast(<expression> as integer) as size`',
    }
    yaml = (models / "features" / "place.yml").read_text()
    kinds.replace(
        "models/features/place.yml", "[{v: 1}]", f"[{', '.join(f'{{v: {n}}}' for n in range(1, len(says) + 2))}]"
    )
    added = []
    for number, expression in enumerate(says, start=2):
        grouped = "\ngroup by 1, 2" if "sum" in expression else ""
        sql = sound.replace("attribute.size", f"{expression} as size") + grouped
        if expression == "null":  # two wrong columns are named at once
            sql = sql.replace("point.place_id", "7 as place_id")
        texts = {"features/place_v{}.sql": sql}
        for file in ("history/place_v{}_history.sql", "online/place_v{}_latest.sql"):
            texts[file] = (models / file.format(1)).read_text()
        for file, text in texts.items():
            added.append(models / file.format(number))
            added[-1].write_text(text)
    try:
        run = kinds.dbt("run", "--select", "path:models/features", now="2026-05-01 13:30", fails=True)
    finally:
        (models / "features" / "place.yml").write_text(yaml)
        for path in added:
            path.unlink()
    for number, (expression, expected) in enumerate(says.items(), start=2):
        begins = (
            f"asof: models/features/place_v{number}.sql: place@{number} declares size as integer, but its SQL gives "
        )
        (said,) = [line for line in run.said if f"asof: {line}".startswith(begins)]
        assert expected in said, expression
    assert f"place@{len(says) + 1} declares place_id as varchar, but its SQL gives integer." in run.output
    assert run.output.count("asof: models/features/place_v") == len(says) + 1


def test_times_without_end_are_refused_before_anything_is_recorded(kinds: World) -> None:
    """In a group, in what is sent along, and in a label; also within a list, and a year that Python does not have."""
    history, published = kinds.history("kind", "kind_id, as_of"), kinds.manifest["groups"]["kind@1"]
    kinds.execute(
        "insert into raw.kinds (kind_id, k_date, k_last) values ('3', 'infinity', ['10000-01-01 00:00:00+00'])"
    )
    kinds.execute("insert into raw.asked (row_id, kind_id, request_k_timestamptz) values ('3', '0', '-infinity')")
    kinds.execute("insert into raw.asked (row_id, kind_id, request_k_date_list) values ('4', '0', ['-4711-01-01'])")
    try:
        run = kinds.build("2026-05-01 14:00", fails=True)
    finally:
        kinds.execute("delete from raw.kinds where kind_id = '3'")
        kinds.execute("delete from raw.asked where row_id in ('3', '4')")
    bad = "is infinite, or not in the years 1 to 9999 (null says that there is none)"
    assert run.says(
        "kind@1 (models/features/kind_v1.sql) at 2026-05-01 14:00:00.000000+00:00 gives what no answer can hold"
    )
    assert run.says(f"k_date {bad} (1 row, for example {{'kind_id': 3")
    assert run.says(f"k_last {bad} (1 row, for example {{'kind_id': 3")
    assert run.says(f"request_k_timestamptz {bad}, which echo@1 would refuse | 1 | {{'row_id': 3}}")
    assert run.says(f"request_k_date_list {bad}, which echo@1 would refuse | 1 | {{'row_id': 4}}")
    assert kinds.history("kind", "kind_id, as_of") == history
    assert kinds.manifest["groups"]["kind@1"] == published
    assert kinds.query("select count(*) from kind_v1_history where kind_id = '3'") == [(0,)]


def rows_of(path: Path, key: str) -> dict[str, dict[str, Any]]:
    """The rows of a Parquet file by one of its columns."""
    relation = duckdb.read_parquet(str(path))
    rows = [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]
    return {row[key]: row for row in rows}
