"""`explain`: where each value of an answer is from."""

from __future__ import annotations

import json
from typing import Any

import pytest

from asof.__main__ import main
from tests.world import World


def explained(world: World, now: str, **arguments: Any) -> dict[str, Any]:
    run = world.dbt("--quiet", "run-operation", "asof.explain", "--args", json.dumps(arguments), now=now)
    return json.loads(run.output.strip().rsplit("\n", 1)[-1])


def test_an_answer_is_traced_to_publication_moment_run_row_and_events(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.add("places", ("p", 7, "2026-05-01 07:00+00", "2026-05-01 07:00+00"))
    world.thing("a", "2026-05-01 08:00")
    world.event("e1", "a", "2026-05-01 09:00", amount=0.1)
    world.event("e2", "a", "2026-05-01 09:30", amount=2)
    world.build("2026-05-01 10:00")
    world.event("late", "a", "2026-05-01 09:45", known="2026-05-01 10:30", amount=5)
    # corrected later: at ten it was 2
    world.event("e2", "a", "2026-05-01 09:30", known="2026-05-01 10:40", amount=3)
    world.build("2026-05-01 11:00")
    request = {"thing_id": "a", "request_amount": 12.5}

    found = explained(world, "2026-05-01 12:00", service="score", request=request, at="2026-05-01T10:59:00Z")
    answer = world.ask("score", [request], "2026-05-01 12:00")  # of the second publication: another one
    assert found["publication"]["sequence_number"] == "1"
    assert answer["sequence_number"] == 2
    assert found["service"] == "score@1"
    assert found["status"] == "OK"
    assert (found["features"]["events_30d"], found["features"]["amount_total"]) == ("2", "2.1")
    thing, place = found["groups"]
    [(run_id, definition)] = world.query(
        "select run_id, definition from asof_moments where group_id = 'thing@1' order by as_of limit 1"
    )
    assert (thing["as_of"], thing["moment"]["run_id"], thing["moment"]["definition"]) == (
        "2026-05-01T10:00:00Z",
        run_id,
        definition,
    )
    assert thing["evaluated_again"] == "same"
    [events] = [each for each in thing["events"] if each["model"] == "stg_events"]
    assert events["known"] == 2  # neither the late one nor the correction
    assert [each["event"]["event_id"] for each in events["newest"]] == ["e2", "e1"]
    assert events["newest"][0]["without_it"]["events_30d"] == "1"
    assert events["newest"][0]["without_it"]["amount_total"] == "0.10"
    assert place["via"] == "thing.place_id"
    assert place["row"]["size"] == "7"

    # the same as text, from the command line; a publication named as in a log
    for name, value in world.environment("2026-05-01 12:00").items():
        monkeypatch.setenv(name, value)
    requested = [
        "explain",
        "--project",
        str(world.folder),
        "score@1",
        "thing_id=a",
        "request_amount=12.5",
        "2026-05-01T11:00:00.5Z",
    ]
    assert main([*requested, "--sequence-number", "2"]) == 0
    text = capsys.readouterr().out
    assert text.startswith(
        "score@1 for thing_id=a, request_amount=12.5 at 2026-05-01T11:00:00.500000Z: OK\npublication 2 "
    )
    assert "stg_events: 4 known then" in text
    # before anything was published, and beyond now
    assert (
        explained(world, "2026-05-01 12:00", service="score", request=request, at="2026-05-01T09:00:00Z")["status"]
        == "NO_SNAPSHOT"
    )
    assert main([*requested[:-1], "2026-05-01T13:00:00Z"]) == 2
    assert "which lies beyond now" in capsys.readouterr().err
