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
        "timestamptz '2026-05-01 08:00:00+00' as known_at, * from raw.kinds"
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
    world.build(NOW)
    world.build("2026-05-01 13:00")
    return world


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


def rows_of(path: Path, key: str) -> dict[str, dict[str, Any]]:
    """The rows of a Parquet file by one of its columns."""
    relation = duckdb.read_parquet(str(path))
    rows = [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]
    return {row[key]: row for row in rows}
