"""Training sets that can be named and built again: of any examples, as answered, the same bytes again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.test_as_served import FEATURES, as_json
from tests.world import Run, World

CUTOFF = "2026-05-01T14:00:00Z"
THINGS = ["plain", "homeless", "colorless", "leaver", "nobody"]
TIMES = ["2026-05-01 09:30", "2026-05-01 10:30", "2026-05-01 11:30", "2026-05-01 12:30", "2026-05-01 13:30"]


def make(world: World, *arguments: str, now: str, fails: bool = False, **more: Any) -> tuple[Run, dict[str, Any]]:
    """Makes a training set; what the command printed, and the manifest that it named."""
    run = world.dbt("run-operation", "training_set", "--args", json.dumps(more), *arguments, now=now, fails=fails)
    if fails:
        return run, {}
    path = run.output.strip().splitlines()[-1].strip()
    return run, json.loads((world.folder / path).read_text())


def file_of(world: World, manifest: dict[str, Any], kind: str = "rows") -> Path:
    return world.folder / "training/sets" / manifest["files"][kind]["file"]


def rows_of(path: Path) -> dict[str, dict[str, Any]]:
    """The rows of a Parquet file by row_id."""
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        found = connection.execute(f"select * from read_parquet('{path}')")
        names = [column[0] for column in found.description]
        return {row["row_id"]: row for row in (dict(zip(names, each, strict=True)) for each in found.fetchall())}


def write(path: Path, query: str) -> Path:
    """A file of examples."""
    duckdb.execute(f"copy ({query}) to '{path}'")
    return path


def seeded(world: World) -> None:
    world.replace("models/services/score_examples.sql", "}}\n", "}}\nwhere prediction_time < {{ asof.cutoff() }}\n")
    world.add("places", ("p", 7, "2026-05-01 07:00+00", "2026-05-01 07:00+00"))
    world.thing("plain", "2026-05-01 07:30")
    world.thing("homeless", "2026-05-01 07:30", place=None)
    world.thing("colorless", "2026-05-01 07:30", color=None)
    world.thing("leaver", "2026-05-01 07:30")
    world.add("departures", ("leaver", "2026-05-01 10:30+00", "2026-05-01 10:35+00"))
    world.event("first", "plain", "2026-05-01 07:45", amount=2.5)
    world.event("second", "plain", "2026-05-01 11:00", amount=0.1)
    for number, at in enumerate(TIMES):
        known = "2026-05-01 13:45" if number % 2 else "2026-05-01 14:00:00.000001"
        for thing in THINGS:
            world.example(f"{number} {thing}", thing, at, request_amount=1.5, label_known_at=known)


@dataclass
class Life:
    """A project built at 10:00, 12:00 and 14:00, what it answered in between, and its training set of 14:00."""

    world: World
    answers: dict[str, dict[str, Any]]
    asked: Path
    first: dict[str, Any]


ASKED = {
    "2026-05-01 10:00": ["2026-05-01 10:30", "2026-05-01 12:00"],
    # the last is published_at of the third: only its number tells which of two answered
    "2026-05-01 12:00": ["2026-05-01 13:59", "2026-05-01 14:00:00.000001"],
    "2026-05-01 14:00": ["2026-05-01 14:00:00.000002"],
}


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory, parsed_world: Path) -> Life:
    folder = tmp_path_factory.mktemp("sets")
    world = World(folder / "world", template=parsed_world)
    seeded(world)
    answers: dict[str, dict[str, Any]] = {}
    asked: list[str] = []
    for built, times in ASKED.items():
        world.build(built)
        for at in times:
            for color in (None, "blue"):
                entities = [{"thing_id": t, "request_amount": 12.5, "request_color": color} for t in THINGS]
                answer = world.ask("score", entities, at)
                for thing, row in zip(THINGS, answer["rows"], strict=True):
                    row_id = f"{at} {thing} {color}"
                    answers[row_id] = row
                    sent = f"'{color}'" if color else "null"
                    number = answer["sequence_number"]
                    asked.append(f"('{row_id}', '{thing}', timestamptz '{at}+00', 12.5, {sent}, {number})")
    columns = "row_id, thing_id, prediction_time, request_amount, request_color, sequence_number"
    path = write(folder / "asked.parquet", f"select * from (values {', '.join(asked)}) as asked ({columns})")
    _, first = make(world, now="2026-05-01 14:00", service="score")
    return Life(world, answers, path, first)


def test_every_answer_equals_its_row_in_a_set_of_any_file(life: Life) -> None:
    _, manifest = make(life.world, now="2026-05-01 15:00", service="score@1", examples=str(life.asked), every=True)
    rows = rows_of(file_of(life.world, manifest))
    assert rows.keys() == life.answers.keys()
    for row_id, answered in life.answers.items():
        row = rows[row_id]
        assert row["status"] == answered["status"], row_id
        assert {group: row[f"{group}_status"] for group in answered["groups"]} == answered["groups"]
        assert (row["rejected_columns"] or "").split(",") == answered.get("rejected", [""])
        for name in FEATURES:
            value = (answered["features"] or dict.fromkeys(FEATURES))[name]
            assert (type(value), value) == (type(as_json(row[name])), as_json(row[name])), (row_id, name)
    assert manifest["statuses"].keys() == {"OK", "STALE", "PARTIAL", "NOT_FOUND", "REJECTED"}
    answer = life.world.ask("score", [{"thing_id": "plain", "request_amount": 1}], "2026-05-01 14:00")
    assert manifest["definition"] == answer["definition"]


def test_the_set_of_the_examples_model_is_its_training_table(life: Life) -> None:
    table = life.world.training()
    assert rows_of(file_of(life.world, life.first)) == table
    assert life.first["left_out"] == {"no_snapshot": 5, "rejected": 10, "not_yet_labelled": 5}
    assert life.first["examples"]["rows"] == 25
    assert life.first["files"]["rows"]["rows"] == len(table) == 5
    assert life.first["publications"]["first"] == 1
    assert life.first["publications"]["last"] == 2
    assert life.first["columns"]["amount_total"]["profile"]["max"] == "2.6"
