"""Names: what a project may call its models and columns, and that no name of ours takes the place of one."""

from __future__ import annotations

import re
import textwrap
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest
import yaml

from asof.feast_repository import ExportError, check_names
from tests.world import World

# Every name that the SQL of the package once gave, beside a user's columns, to something of its own.
INNER = re.findall(
    r"\w+",
    """
    above answer answered argument as_of_before asked backfill_id backfilled captured change checksum chosen
    clock closed_at closing compared compiled_sql counted current_is_lost current_number current_one
    current_since declared declared_first_seen_at definition difference differences drawn either eligible
    entity erased event every example finished_at first_live first_seen_at for_example forgotten
    forgotten_in_run found fresh_until given going_on gone_at group_id history in_force is_backfilled is_found
    is_lost is_new is_point is_rebuilt is_row is_tested item kind known_keys label_known_at last_row
    last_version late left_out life line live logged looked_up lost made max_age_seconds memory moment
    named_publication newest next_seen_at not_comparable now_ offending open_life pair parity place placed
    point point_count present problem pseudonym publication published_at ranked rebuilt rebuilt_status recency
    recorded rejected_columns remembered replaced request_id row_count row_number row_places rows rows_found
    rows_recorded rows_written said sampled seen_in_run sequence_number served service service_id since
    snapshot_id source stage started_at state status status_before superseded_at timed touched training until
    up_to version was what
    """,
)
RESERVED_FOR_SERVICES = {"is_backfilled", "label_known_at", "left_out", "rejected_columns", "sequence_number", "status"}
CAPTURED = {"event_id": "varchar", "occurred_at": "timestamptz", "known_at": "timestamptz", "is_deleted": "boolean"}
KEYS = ["recency", "seen_in_run"]
LABEL = "lost"
REQUEST = ["said", "answered"]
OBSERVED = [name for name in INNER if name not in {*KEYS, LABEL, *REQUEST}]
FEATURES = [*OBSERVED, *CAPTURED]

SHELVES = {
    "staging/stg_shelves.sql": """
        {{ config(materialized='observed', unique_key=['recency', 'seen_in_run']) }}
        select * from raw.shelves""",
    "entities/shelves.sql": """
        select recency, seen_in_run, min(known_at) as first_seen_at from {{ ref('stg_shelves') }} group by 1, 2""",
    "features/shelf_v1.sql": f"""
        select point.recency, point.seen_in_run, point.as_of, {", ".join(f"attribute.{name}" for name in FEATURES)}
        from {{{{ asof.points(ref('shelves')) }}}} as point
        {{{{ asof.left_join_last_known(ref('stg_shelves'), as='attribute', on=['recency', 'seen_in_run']) }}}}""",
    "history/shelf_v1_history.sql": "{{ asof.history() }}",
    "online/shelf_v1_latest.sql": "{{ asof.latest() }}",
    "services/stock_examples.sql": "select * from raw.asked",
    "services/stock_v1_rows.sql": "{{ asof.rows(['shelf@1']) }}",
    "services/stock_v1.sql": "select row_id, {columns} from {{{{ ref('stock_v1_rows') }}}}",
    "training/stock_v1_training.sql": "{{ asof.training() }}",
}


def served(name: str) -> str:
    """What the service calls a feature: a name that is reserved there has another."""
    return f"its_{name}" if name in RESERVED_FOR_SERVICES else name


def described(name: str, test: str, columns: dict[str, str], **more: Any) -> dict[str, Any]:
    """The YAML of a model. columns: types by name."""
    declared = [{"name": name, "data_type": kind, "description": "Its own."} for name, kind in columns.items()]
    return {"name": name, "description": "One row each.", "data_tests": [test], "columns": declared} | more


def write_shelves(world: World) -> None:
    """Adds an observed model, an entity, a group and a service whose columns bear all these names."""
    keys, request = dict.fromkeys(KEYS, "varchar"), dict.fromkeys(REQUEST, "integer")
    features = dict.fromkeys(OBSERVED, "integer") | CAPTURED
    times = {"prediction_time": "timestamptz", "label_known_at": "timestamptz"}
    columns = {"row_id": "varchar"} | keys | times | request
    examples = described("stock_examples", "asof.examples", columns, config={"materialized": "table"})
    examples["columns"].append(
        {"name": LABEL, "data_type": "integer", "description": "Its own.", "config": {"meta": {"label": True}}}
    )
    versions = {"latest_version": 1, "versions": [{"v": 1}]}
    models = [
        described("stg_shelves", "asof.events", CAPTURED),
        described("shelves", "asof.entity", keys | {"first_seen_at": "timestamptz", "gone_at": "timestamptz"}),
        described(
            "shelf",
            "asof.feature_group",
            keys | {"as_of": "timestamptz"} | features,
            config={"meta": {"owner": "tests", "max_age": "2 hours"}},
            **versions,
        ),
        examples,
        described(
            "stock",
            "asof.service",
            {"row_id": "varchar"} | request | {served(name): kind for name, kind in features.items()},
            config={"meta": {"owner": "tests"}},
            **versions,
        ),
    ]
    selected = ", ".join([*REQUEST, *(f"{name} as {served(name)}" for name in FEATURES)])
    for path, sql in SHELVES.items():
        text = sql.format(columns=selected) if path == "services/stock_v1.sql" else sql
        (world.folder / "models" / path).write_text(textwrap.dedent(text))
    (world.folder / "models" / "shelves.yml").write_text(yaml.safe_dump({"models": models}, sort_keys=False))
    held = ", ".join([f"{name} varchar" for name in KEYS] + [f"{name} integer" for name in OBSERVED])
    world.execute(f"create table raw.shelves ({held})")
    requested = f"row_id varchar, recency varchar, seen_in_run varchar, said integer, answered integer, {LABEL} integer"
    world.execute(f"create table raw.asked ({requested}, prediction_time timestamptz, label_known_at timestamptz)")


def at(hour: int) -> datetime:
    return datetime(2026, 5, 1, hour, tzinfo=UTC)


def test_no_inner_name_hides_a_column_of_the_project(world: World) -> None:
    """All these names at once: each value is its own in history, in answers and in training, and parity sees it."""
    write_shelves(world)
    # a corrected event, of a model that has the name of the known-joins
    for model in ("events", "things"):
        path = f"models/staging/stg_{model}.sql"
        world.replace(path, "from", ", timestamptz '2100-01-01 00:00+00' as superseded_at, 1 as recency from")
    world.thing("t", "2026-05-01 07:00", color="red")
    world.thing("t", "2026-05-01 08:00", color="blue")
    world.event("e", "t", "2026-05-01 07:30", amount=10)
    world.event("e", "t", "2026-05-01 07:30", "2026-05-01 08:00", amount=12)

    for shelf, first in (("a", 100), ("b", 1000)):
        world.add("shelves", (shelf, "x", *range(first, first + len(OBSERVED))))
    world.build("2026-05-01 09:00")
    request = {"recency": "a", "seen_in_run": "x", "said": 7, "answered": 8}
    answers = [world.ask("stock", [request], "2026-05-01 09:30", is_logged=True)]
    world.execute("update raw.shelves set row_count = -1, status = -2 where recency = 'a'")
    world.build("2026-05-01 10:00")
    answers.append(world.ask("stock", [request], "2026-05-01 10:30", is_logged=True))
    for row_id, when in (("r1", "09:30"), ("r2", "10:30")):
        when = f"2026-05-01 {when}+00"
        world.add("asked", (row_id, "a", "x", 7, 8, 9, when, when))
    run = world.build("2026-05-01 11:00")
    assert run.says("parity of stock@1, logged answers against history: 1 same.")

    assert world.query("select color, events_lifetime, amount_total from thing_v1_latest") == [("blue", 1, Decimal(12))]

    # a row where something changed, and none where nothing did
    values = {name: 100 + value for value, name in enumerate(OBSERVED)}
    rows = "recency, seen_in_run, as_of, is_tombstone, row_count, status"
    assert world.history("shelf", rows) == [
        ("a", "x", at(9), False, values["row_count"], values["status"]),
        ("b", "x", at(9), False, values["row_count"] + 900, values["status"] + 900),
        ("a", "x", at(10), False, -1, -2),
    ]
    training = world.training("stock_v1")
    for row_id, answer, hour, changed in (
        ("r1", answers[0], 9, {}),
        ("r2", answers[1], 10, {"row_count": -1, "status": -2}),
    ):
        expected = {served(name): value for name, value in (values | changed).items()} | {"said": 7, "answered": 8}
        row, trained = answer["rows"][0], training[row_id]
        assert row["status"] == "OK"
        assert {name: row["features"][name] for name in expected} == expected
        assert row["features"]["known_at"] == f"2026-05-01T{hour:02}:00:00Z"
        assert {name: trained[name] for name in expected} == expected
        assert (trained["known_at"], trained["is_deleted"]) == (at(hour), False)
        assert (trained["recency"], trained["seen_in_run"], trained[LABEL]) == ("a", "x", 9)
        assert (trained["status"], trained["is_backfilled"]) == ("OK", False)
        assert trained["sequence_number"] == answer["sequence_number"]

    # what was served since when, for another system
    (world.folder / "exported").mkdir()
    world.dbt("run-operation", "asof.export_history", "--args", "{to: exported}", now="2026-05-01 11:00")
    served_since = duckdb.sql(
        f"select shelf_status, status, since from '{world.folder}/exported/shelf_v1.parquet' "
        "where recency = 'a' order by asof_served_from"
    ).fetchall()
    assert served_since == [
        ("NOT_FOUND", None, None),
        ("OK", values["status"], values["since"]),
        ("OK", -2, values["since"]),
    ]


def test_feast_cannot_take_the_name_of_its_own_time() -> None:
    group = {"keys": [{"name": "shelf_id"}], "features": [{"name": "event_timestamp"}]}
    with pytest.raises(ExportError, match="shelf@1 has a column event_timestamp, which Feast takes for the time"):
        check_names({"groups": {"shelf@1": group}, "services": {}})


GROUP_YAML, SERVICE_YAML = "models/features/thing.yml", "models/services/score.yml"

# (file, a declared name, the name put in its place, what is said)
DECLARED = [
    (
        GROUP_YAML,
        "name: color",
        "name: Color",
        "the feature group thing, the column cannot be called Color, since it would",
    ),
    (
        GROUP_YAML,
        "name: events_lifetime",
        "name: asof_events",
        "asof_events, since names that begin with asof_ are those",
    ),
    (
        GROUP_YAML,
        "name: events_30d",
        "name: order",
        "order, since it is a reserved word of SQL, which would need quotes",
    ),
    (GROUP_YAML, "name: amount_total", "name: run_id", "run_id, since the history has it beside the features"),
    (GROUP_YAML, "name: last_event_at", "name: thing_status", "thing_status, since the rows of services hold"),
    (GROUP_YAML, "name: place_id", "name: 2_places", "2_places, since it would need quotes in SQL"),
    (
        "models/entities/things.yml",
        "{name: thing_id}",
        "{name: status}",
        "the entity things, the column cannot be called status",
    ),
    (
        "models/staging/stg_events.yml",
        "{name: event_id}",
        "{name: ASOF_superseded_at}",
        "the event model stg_events, the column",
    ),
    (
        SERVICE_YAML,
        "name: request_color",
        "name: left_out",
        "the examples score_examples, the column cannot be called left_out",
    ),
    (
        SERVICE_YAML,
        "name: outcome",
        "name: is_backfilled",
        "is_backfilled, since the training set has it beside the features",
    ),
    (SERVICE_YAML, "name: is_known", "name: asof_known", "the service score, the column cannot be called asof_known"),
]


def test_names_that_are_ours_or_need_quotes_are_refused_all_at_once(world: World) -> None:
    (world.folder / "models" / "staging" / "asof_events.sql").write_text("select 1 as one")
    run = world.refused(DECLARED, "run", "--select", "clock", now="2026-05-01 12:00")
    for file, *_ in DECLARED:
        assert run.says(f"asof: {file}: "), run.output
    assert run.says("models/staging/asof_events.sql: the model cannot be called asof_events, since names that begin")
    # each says what else is not to be had
    assert run.says(
        "Call it something else. Reserved here: is_tombstone, prediction_time, row_id, run_id, thing_status, all"
    )
    assert len(run.said) == len(DECLARED) + 1
    assert "created sql table model main.clock" not in run.output


def test_a_service_returns_nothing_that_its_training_set_has_beside_the_features(world: World) -> None:
    text, beside = (world.folder / SERVICE_YAML).read_text().split("- name: score\n")
    for old, new in (
        ("color", "outcome"),
        ("events_30d", "thing_id"),
        ("amount_total", "sequence_number"),
        ("place_size", "is_backfilled"),
        ("is_known", "label_known_at"),
    ):
        beside = beside.replace(f"name: {old}", f"name: {new}")
    (world.folder / SERVICE_YAML).write_text(f"{text}- name: score\n{beside}")
    run = world.dbt("run", "--select", "clock", now="2026-05-01 12:00", fails=True)
    for said in (
        "outcome, since it is a label, which the training set has beside the features",
        "thing_id, since it is a key, which the training set has beside the features",
        "sequence_number, since the training set has it beside the features",
        "is_backfilled, since the training set has it beside the features",
        "label_known_at, since the training set has it beside the features",
    ):
        assert run.says(f"{SERVICE_YAML}: score@1, the column cannot be called {said}"), (said, run.output)
    assert len(run.said) == 5
