"""Training sets that can be named and built again: of any examples, as answered, the same bytes again."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pandas
import pytest

from asof.__main__ import main
from asof.compare import difference
from asof.set_files import SetError
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


def batched(world: World, *, now: str, **more: Any) -> tuple[Run, dict[str, Any]]:
    run = world.dbt("run-operation", "batch", "--args", json.dumps(more), now=now)
    return run, json.loads(run.output.strip().splitlines()[-1])


def located(world: World, manifest: dict[str, Any]) -> dict[str, Any]:
    """A manifest that knows where it lies, as serve.sets reads it."""
    name = f"{manifest['service']}_v{manifest['version']}-{manifest['id']}.json"
    return {**manifest, "path": str(world.folder / "training/sets" / name)}


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
class SetsWorld:
    """A project built at 10:00, 12:00 and 14:00, what it answered in between, and its training set of 14:00."""

    world: World
    answers: dict[str, dict[str, Any]]
    requested: Path
    first: dict[str, Any]


REQUESTED = {
    "2026-05-01 10:00": ["2026-05-01 10:30", "2026-05-01 12:00"],
    # the last is published_at of the third: only its number tells which of two answered
    "2026-05-01 12:00": ["2026-05-01 13:59", "2026-05-01 14:00:00.000001"],
    "2026-05-01 14:00": ["2026-05-01 14:00:00.000002"],
}


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory, parsed_world: Path) -> SetsWorld:
    folder = tmp_path_factory.mktemp("sets")
    world = World(folder / "world", template=parsed_world)
    seeded(world)
    answers: dict[str, dict[str, Any]] = {}
    requested: list[str] = []
    for built, times in REQUESTED.items():
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
                    requested.append(f"('{row_id}', '{thing}', timestamptz '{at}+00', 12.5, {sent}, {number})")
    columns = "row_id, thing_id, prediction_time, request_amount, request_color, sequence_number"
    path = write(folder / "asked.parquet", f"select * from (values {', '.join(requested)}) as asked ({columns})")
    _, first = make(world, now="2026-05-01 14:00", service="score")
    return SetsWorld(world, answers, path, first)


def test_every_answer_equals_its_row_in_a_set_of_any_file(life: SetsWorld) -> None:
    _, manifest = make(life.world, now="2026-05-01 15:00", service="score@1", examples=str(life.requested), every=True)
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


def test_the_set_of_the_examples_model_is_its_training_table(life: SetsWorld) -> None:
    table = life.world.training()
    assert rows_of(file_of(life.world, life.first)) == table
    assert life.first["left_out"] == {"lost": 0, "no_snapshot": 5, "rejected": 10, "not_yet_labelled": 5}
    assert life.first["examples"]["rows"] == 25
    assert life.first["files"]["rows"]["rows"] == len(table) == 5
    assert life.first["publications"]["first"] == 1
    assert life.first["publications"]["last"] == 2
    assert life.first["columns"]["amount_total"]["profile"]["max"] == "2.6"


def test_the_same_inputs_give_the_same_bytes_in_another_warehouse_and_later(
    life: SetsWorld, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Built at 16:30 for the cut-off 14:00, when labels, examples, events and publications had come since."""
    seeded(world)
    for built in REQUESTED:
        world.build(built)
    world.example("later", "plain", "2026-05-01 15:00", request_amount=1.5)
    world.event("third", "plain", "2026-05-01 13:00", known="2026-05-01 15:30", amount=7)
    world.build("2026-05-01 16:00")
    run, again = make(world, now="2026-05-01 16:30", service="score", cutoff="2026-05-01T16:00:00+02:00")
    assert run.says("1 examples were asked at or after the cut-off 2026-05-01T14:00:00.000000Z and left out")
    assert again["id"] == life.first["id"]
    assert {**again, "made": None} == {**life.first, "made": None}
    for kind in ("rows", "examples"):
        assert file_of(world, again, kind).read_bytes() == file_of(life.world, life.first, kind).read_bytes()

    # the rest of what may differ, each for its reason
    _, later = make(world, now="2026-05-01 16:30", service="score")
    found = difference(located(world, again), located(world, later))
    assert (found["in_both"], found["columns"]) == (5, [])
    assert (found["only_in_a"], found["only_in_b"]) == ({}, {"late label": 5, "cut-off": 1})

    world.replace("models/services/score_v1.sql", "coalesce(events_30d, 0)", "coalesce(events_30d, 0) + 1")
    world.replace(
        "models/services/score.yml",
        '{name: request_amount, data_type: "decimal(12,2)", description: Sent',
        '{name: request_amount, data_type: "decimal(12,2)", config: {meta: {optional: true}}, description: Sent',
    )
    world.dbt("run", "--select", "score", now="2026-05-01 16:40")
    kept = duckdb.read_parquet(str(file_of(world, again, "examples")))
    changed = world.folder / "changed.csv"
    kept.filter("row_id <> '1 homeless'").project(
        "* replace (case row_id when '1 plain' then 2.5 else request_amount end as request_amount, "
        "case row_id when '3 plain' then false else outcome end as outcome)"
    ).write_csv(str(changed))
    _, other = make(world, now="2026-05-01 16:50", service="score", examples=str(changed), cutoff=CUTOFF)
    found = difference(located(world, again), located(world, other))
    assert found["only_in_a"] == {"examples": 1}
    why = {each["column"]: each["why"] for each in found["columns"]}
    assert why == {
        "events_30d": {"definition": 3, "examples": 1},
        "request_amount": {"examples": 1},
        "outcome": {"examples": 1},
    }
    assert found["columns"][-1]["example"] == {"row_id": "3 plain", "a": "true", "b": "false"}
    assert main(["compare", again["id"], str(located(world, other)["path"]), "--project", str(world.folder)]) == 1
    shown = capsys.readouterr().out
    assert re.search(r"events_30d +3  definition +1 leaver: 0 \| 1", shown)
    assert main(["compare", again["id"], again["id"], "--project", str(world.folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["same"]

    # every entity that the publication holds: not the leaver, and not what was never published
    _, head = batched(world, now="2026-05-01 16:50", service="score", to="scores.parquet")
    rows = rows_of(world.folder / "scores.parquet")
    assert [row["thing_id"] for row in rows.values()] == ["colorless", "homeless", "plain"]
    assert [row["status"] for row in rows.values()] == ["REJECTED", "PARTIAL", "OK"]
    assert head["statuses"] == {"OK": 1, "PARTIAL": 1, "REJECTED": 1}
    assert (head["sequence_number"], rows["2"]["events_30d"]) == (4, 3)  # by the text that is published


def test_examples_that_the_api_would_refuse_are_named(life: SetsWorld, tmp_path: Path) -> None:
    def refusal(query: str, name: str = "bad.parquet") -> str:
        path = write(tmp_path / name, query)
        run, _ = make(life.world, now="2026-05-01 15:00", fails=True, service="score", examples=str(path))
        return re.sub(r"\s+", " ", run.output)

    said = refusal(
        "select 42 as thing_id, timestamp '2026-05-01 10:30' as prediction_time, 3 as colour, true as outcome"
    )
    assert "the column thing_id is integer, not varchar: write it as text" in said
    assert "the column prediction_time is timestamp, not timestamptz: its times have no zone" in said
    assert "the column request_amount is missing" in said
    assert "the column label_known_at is missing" in said
    assert "the column colour is none of theirs" in said

    said = refusal(
        "select * from (values ('a', '2026-05-01 10:30', '1.5'), ('b', '2026-05-01T10:30Z', 'much'), "
        "('c', '2026-05-01 10:30+00', '1.005')) as t (thing_id, prediction_time, request_amount)",
        "bad.csv",
    )
    assert "what prediction_time holds is no timestamptz, or would have to be rounded (1 row, for example" in said
    assert "'row_id': 0" in said
    assert "what request_amount holds is no decimal(12,2), or would have to be rounded (2 rows, for example" in said

    at = "timestamptz '2026-05-01 10:30+00'"
    said = refusal(
        f"select * from (values ('1', 'a', {at}, 1), ('1', 'b', {at}, 1), ('2', null, {at}, 1), "
        f"('3', 'c', {at}, null), "
        f"('4', 'd', timestamptz '2026-05-01 15:00+00', 1), ('5', 'e', null, 1)) as t "
        "(row_id, thing_id, prediction_time, request_amount)"
    )
    for rule, row in [
        ("row_id is null or not unique", 1),
        ("the key thing_id is null", 2),
        ("the request column request_amount is null, which score@1 would refuse", 3),
        ("asked at or after the moment of this run", 4),
        ("prediction_time is null", 5),
    ]:
        assert rule in said
        assert f"{{'row_id': {row}}}" in said, rule


def test_a_set_is_whole_or_none_and_never_written_again(life: SetsWorld, tmp_path: Path) -> None:
    world, folder = life.world, life.world.folder / "training/sets"
    arguments = {"service": "score", "examples": str(life.requested), "cutoff": "2026-05-01T13:00:00Z"}
    command = ("run-operation", "training_set", "--args", json.dumps(arguments))
    before = set(folder.iterdir())
    for point in ("between_set_files", "before_set_manifest"):
        world.killed_at(point, *command, now="2026-05-01 15:00")
        left = set(folder.iterdir()) - before
        assert left
        assert not [path for path in left if path.suffix == ".json"]
    _, manifest = make(world, now="2026-05-01 15:00", **arguments)
    assert "statuses" in manifest

    file = file_of(world, manifest)
    written = file.stat().st_mtime_ns
    run, again = make(world, now="2026-05-01 15:30", **arguments)
    assert run.says("is there already; the same inputs give the same set")
    assert (again, file.stat().st_mtime_ns) == (manifest, written)
    file.write_bytes(file.read_bytes() + b"x")
    run, _ = make(world, now="2026-05-01 15:30", fails=True, **arguments)
    assert run.says("is gone or was changed since the set was written")


def test_a_notebook_hands_in_a_frame_and_gets_one(
    life: SetsWorld, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], warm: Path
) -> None:
    from asof import batch, training

    monkeypatch.setattr(sys, "executable", str(warm / "python"))  # beside which dbt is found
    project = life.world.folder
    for name, value in life.world.environment("2026-05-01 14:00:00.5").items():
        monkeypatch.setenv(name, value)
    requested = pandas.DataFrame(
        {
            "thing_id": ["plain", "nobody", "leaver"],
            "prediction_time": pandas.to_datetime(
                ["2026-05-01 10:30", "2026-05-01 12:00", "2026-05-01 13:59"], utc=True
            ),
            "request_amount": [12.5, 12.5, 12.5],
            "request_color": ["blue", "blue", None],
            "row_id": ["x", "y", "z"],
        }
    )
    trained = training("score", requested, project=project)
    assert list(trained["row_id"]) == ["x", "y"]
    assert list(trained["status"]) == ["OK", "NOT_FOUND"]
    assert str(trained["prediction_time"].dt.tz) == "UTC"
    answered = life.answers["2026-05-01 10:30 plain blue"]
    assert {name: trained.iloc[0][name] for name in ("color", "events_30d", "amount_total", "place_size")} == {
        name: answered["features"][name] for name in ("color", "events_30d", "amount_total", "place_size")
    }
    manifest = trained.attrs["asof"]
    assert manifest["left_out"] == {"lost": 0, "no_snapshot": 0, "rejected": 1, "not_yet_labelled": 0}
    assert manifest["cutoff"] == "2026-05-01T14:00:00.500000Z"

    with pytest.raises(
        SetError, match=r"^these examples are not those of score@1: the column request_amount is missing\. E"
    ):
        training("score", requested[["thing_id", "prediction_time"]], project=project)

    now = batch("score", requested[["thing_id", "request_amount"]], project=project)
    entities = [{"thing_id": t, "request_amount": 12.5, "request_color": None} for t in sorted(requested["thing_id"])]
    answer = life.world.ask("score", entities, "2026-05-01 14:00:00.5")
    assert list(now["status"]) == [row["status"] for row in answer["rows"]]
    assert now.attrs["asof"]["sequence_number"] == answer["sequence_number"] == 3
    assert now.attrs["asof"]["as_of"].keys() == answer["as_of"].keys()
    for name in ("definition", "snapshot_id"):
        assert now.attrs["asof"][name] == answer[name]

    assert main(["training", "--rebuild", manifest["id"], "--project", str(project)]) == 0
    assert "the same id and the same bytes" in capsys.readouterr().out
    assert main(["batch", "score", "--to", str(project / "all.parquet"), "--project", str(project)]) == 2
    assert "no batch: score@1 needs request_amount, which only a caller knows" in capsys.readouterr().err
