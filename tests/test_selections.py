"""Commands that build a part of the project: each builds, records nothing that counts, and says what would publish."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.world import World

LEFT_OUT = "thing@1: the selection leaves the clock out"
WHOLE = "To publish, run `dbt build` without a selection"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, parsed_world: Path) -> World:
    """A world that was published at 10:00; then an event came."""
    world = World(tmp_path_factory.mktemp("selections") / "world", template=parsed_world)
    world.add("places", ("p", 7, "2026-05-01 07:00+00", "2026-05-01 07:00+00"))
    world.thing("a", "2026-05-01 07:00")
    world.event("e1", "a", "2026-05-01 08:00")
    world.build("2026-05-01 10:00")
    world.event("e2", "a", "2026-05-01 10:05")
    world.thing("new", "2026-05-01 10:06")
    return world


# Selections, whether they evaluate the group with the clock left out, and what they publish nothing for.
SELECTIONS = {
    "the group and what is made of it": (["build", "--select", "thing_v1+"], True),
    "its history alone": (["build", "--select", "thing_v1_history"], True),
    "what is made of a staging model": (["build", "--select", "stg_events+"], True),
    "all but the clock": (["build", "--exclude", "clock"], True),
    "without tests": (["run", "--select", "thing_v1+"], True),
    "the group": (["build", "--select", "thing_v1"], False),
    "the group and what it is made of": (["build", "--select", "+thing_v1"], False),
    "with all around it": (["build", "--select", "+thing_v1+"], False),
    "its tests": (["test", "--select", "thing_v1"], False),
}


def test_each_selection_builds_and_counts_nothing(published: World) -> None:
    """The newest event shows in the latest table, of those entities that are built; nobody is told otherwise."""
    pointer, counted = published.pointer, published.history()
    for minute, (name, (command, leaves_clock)) in enumerate(SELECTIONS.items(), start=10):
        now = f"2026-05-01 10:{minute}"
        run = published.dbt(*command, now=now)
        assert run.says(LEFT_OUT) == leaves_clock, (name, run.output)
        assert run.says(f"evaluated at 2026-05-01 10:{minute}:00.000000+00:00") == leaves_clock, name
        assert run.says(WHOLE) == leaves_clock, name
        assert not run.says("exactly one row per point"), name
        if command[0] != "run":
            assert run.says("nothing published"), (name, run.output)
            assert run.says("To publish it: `dbt build --select @") or run.says("Run `dbt test`"), (name, run.output)
        if leaves_clock and command[-1] != "thing_v1_history":
            entities = {("a", 2), ("new", 0)} if command[1] == "--exclude" else {("a", 2)}
            assert set(published.query("select thing_id, events_lifetime from thing_v1_latest")) >= entities, name
        assert (published.pointer, published.history()) == (pointer, counted), name
    run = published.build("2026-05-01 10:40")
    assert run.says("published")
    assert set(published.query("select thing_id, events_lifetime from thing_v1_latest")) == {("a", 2), ("new", 0)}


def test_a_failed_build_is_retried_and_the_next_one_publishes(published: World) -> None:
    sql = "models/features/thing_v1.sql"
    published.replace(sql, "count(event.event_id) as", "count(event.no_such) as")
    published.dbt("build", now="2026-05-01 10:50", fails=True, DBT_WRITE_JSON="true")
    published.replace(sql, "count(event.no_such) as", "count(event.event_id) as")
    published.event("e3", "a", "2026-05-01 10:52")
    counted = published.history()
    run = published.dbt("retry", now="2026-05-01 10:55", DBT_WRITE_JSON="true")
    assert run.says(LEFT_OUT)
    assert run.says("nothing published")
    assert published.history() == counted
    assert ("a", 3) in published.query("select thing_id, events_lifetime from thing_v1_latest")
    assert published.build("2026-05-01 11:00").says("published")


def test_a_backfill_of_a_part_says_what_to_select(published: World) -> None:
    backfill = json.dumps({"backfill": {"from": "2026-04-01", "to": "2026-04-02", "every": "1 day"}})
    command = ["run", "--select", "thing_v1_history", "--vars", backfill]
    run = published.dbt(*command, now="2026-05-01 12:00", fails=True)
    assert run.says("the clock does not hold the moments of this backfill, since the selection leaves it out")
    assert run.says("dbt run --select +thing_v1_history")


def test_a_part_of_what_was_never_built_says_what_to_select(world: World) -> None:
    run = world.dbt("build", "--select", "thing_v1+", now="2026-05-01 10:00", fails=True)
    assert run.says("models/features/thing_v1.sql: thing@1 reads")
    assert run.says("which was never built in this warehouse. Select it too: `dbt build --select +thing_v1+`")
