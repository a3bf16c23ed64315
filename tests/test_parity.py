"""Answers that were logged against what history gives: equal where all is well, named where anything is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.world import World

DIFFERS = "an answer of the API differs from what history gives (parity)"


def log_of(world: World) -> dict[Path, list[dict[str, Any]]]:
    files = sorted((world.folder / "request_log").glob("*.jsonl"))
    return {path: [json.loads(line) for line in path.read_text().splitlines()] for path in files}


def found(world: World) -> dict[str, str]:
    """What parity found of each logged row that is not the same, by what was planted in it."""
    rows = world.query(
        "select request_id, parity || ': ' || coalesce(differences, '') from asof_requests where parity <> 'same'"
    )
    return dict(rows)


# What may go wrong between history and an answer, planted in the log of one that was right.
FAULTS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "another value": lambda row: row["features"].update(events_30d=7),
    "a float in its last bit": lambda row: row["features"].update(amount_total=2.6000000000000005),
    "an integer as a float": lambda row: row["features"].update(events_30d=2.0),
    "a number as text": lambda row: row["features"].update(amount_total="2.6"),
    "a null filled": lambda row: row["features"].update(place_size=None),
    "a lost status": lambda row: row.update(status="PARTIAL"),
    "a group's status": lambda row: row["groups"].update(place="STALE"),
    "off by one at max_age": lambda row: row.update(prediction_time="2026-05-01T13:30:00.000001Z"),
    "an old publication": lambda row: row.update(sequence_number=1),
    "a publication that is not on record": lambda row: row.update(sequence_number=99),
    "another definition": lambda row: row.update(definition="sha256:0"),
}


def test_logged_answers_equal_history_and_what_does_not_is_named_once(world: World) -> None:
    world.replace(
        "dbt_project.yml", "  asof_publish_to:", "  asof_request_log: {test: request_log}\n  asof_publish_to:"
    )
    world.replace("models/features/place.yml", "max_age: 2 hours", "max_age: 1 hour")
    world.add("places", ("p", 7, "2026-05-01 07:00+00", "2026-05-01 07:00+00"))
    world.thing("a", "2026-05-01 08:00")
    world.thing("b", "2026-05-01 08:00", place=None, color=None)
    world.thing("lost", "2026-05-01 08:00", place="nowhere")
    world.event("e1", "a", "2026-05-01 09:00", amount=0.1)
    world.build("2026-05-01 10:00")
    # at the publication, and at max_age, to the microsecond
    everybody = [
        {"thing_id": name, "request_amount": 12.5, "request_color": color}
        for name in ("a", "b", "nobody", "lost")
        for color in ("green", None)
    ]
    for now in ("10:00:00.000001", "11:00:00.000000", "11:00:00.000001", "12:00:00.000001"):
        world.ask("score", everybody, f"2026-05-01 {now}", is_logged=True)
    statuses = {row["status"] for rows in log_of(world).values() for row in rows}
    assert statuses == {"OK", "PARTIAL", "STALE", "NOT_FOUND", "REJECTED"}
    world.event("e2", "a", "2026-05-01 12:10", amount=2.5)
    run = world.build("2026-05-01 12:30")
    assert run.says("parity of score@1, logged answers against history: 32 same.")
    assert world.pointer["sequence_number"] == 2

    # one right answer at the very end of max_age, logged once for each fault
    answered = world.ask("score", everybody[:1], "2026-05-01 13:30:00.000000", is_logged=True)
    assert answered["rows"][0]["status"] == "OK"
    path, [row] = list(log_of(world).items())[-1]
    planted = [json.dumps(row)]
    for name, plant in FAULTS.items():
        fault = {**json.loads(json.dumps(row)), "request_id": name}
        plant(fault)
        planted.append(json.dumps(fault))
    path.write_text("\n".join([*planted, planted[0][:100]]))  # and a line torn by a kill
    run = world.build("2026-05-01 13:40", fails=True)
    assert run.says(DIFFERS)
    assert run.says("fewer than 0.95 of the logged answers can be compared with history")
    assert world.pointer["sequence_number"] == 2
    said = found(world)
    assert "publication: answered 1, history gives 2; status: answered OK, history gives STALE" in said.pop(
        "an old publication"
    )
    assert said == {
        "another value": "different: events_30d: answered 7, history gives 2",
        "a float in its last bit": "different: amount_total: answered 2.6000000000000005, history gives 2.6",
        "an integer as a float": "different: events_30d: answered 2.0, history gives 2",
        "a number as text": 'different: amount_total: answered "2.6", history gives 2.6',
        "a null filled": "different: place_size: answered null, history gives 7",
        "a lost status": "different: status: answered PARTIAL, history gives OK",
        "a group's status": "different: status of place: answered STALE, history gives OK",
        "off by one at max_age": "different: hours_since_last_event: answered 1.3333333333333333, history gives "
        "1.3333333336111113; place_size: answered 7, history gives null; status: answered OK, history gives STALE; "
        "status of place: answered OK, history gives STALE",
        "a publication that is not on record": "not compared: its publication is not on record: ",
        "another definition": "not compared: answered by another definition: ",
    }
    # each is reported by the run that met it, and stays on record
    run = world.build("2026-05-01 13:50")
    assert world.pointer["sequence_number"] == 3
    assert len(found(world)) == len(FAULTS)
