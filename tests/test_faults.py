"""Whole or not at all: commands killed (SIGKILL, the whole process group) before and after every write."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from tests.world import ROOT, World, backfill_of

# Where a build may die, and what follows is shown for each by itself: the rows of a moment, then a publication. (After
# the Parquet files is before the manifest, and after that is before the pointer.)
BUILDING = ["before_history", "after_history", "before_commit", "after_moment"]
PUBLISHING = [
    "before_parquet",
    "between_parquet",
    "after_parquet",
    "before_pointer",
]
PUBLISHED = ["after_pointer", "after_record"]
# The lesser writes of a build, shown one after the other. ("within_together": between the statements that take
# effect together, here the results of models and tests.)
ON_THE_WAY = [
    "within_entity",
    "after_entity",
    "within_definition",
    "after_definition",
    "within_together",
    "after_results",
    "before_training_file",
    "after_training_file",
]
REPAIRING = ["before_repair", "after_repair"]
HOLDING = ["before_hold", "after_hold"]
BACKFILLING = ["after_begun", "before_completion", "within_completion", "after_completion"]
CAPTURING = ["within_capture"]  # in test_observed.py
KEEPING = ["between_set_files", "before_set_manifest"]  # in test_training_sets.py
UPGRADING = ["after_upgrade_of_records"]  # in test_upgrade.py
REPORTING = ["before_held", "after_held", "before_health"]  # in test_carried.py and test_health.py

# What a test process does that is killed while dbt stands still.
KILLED_TEST = """
import sys, time
from pathlib import Path
from tests.world import World

world = World(Path(sys.argv[1]) / "world", template=Path(sys.argv[2]))
world.thing("a", "2026-04-01 08:00")
backfill = "{backfill: {from: 2026-04-02, to: 2026-04-09, every: 1 day}}"
arguments = ["run", "--select", "+thing_v1_history", "--vars", backfill]
with world.paused_at("before_commit", *arguments, now="2026-05-01 10:00") as paused:
    print(paused.process.pid, flush=True)
    time.sleep(60)
"""

SENT = {"thing_id": "a", "request_amount": 1}
OPERATION = "run-operation"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def before_ten(world: World) -> None:
    world.add("places", ("p", 5, "2026-05-01 08:00+00", "2026-05-01 08:00+00"))
    for thing in ("a", "b", "c"):
        world.thing(thing, "2026-05-01 08:00")
    world.event("e1", "a", "2026-05-01 08:30", amount=10)
    world.event("e2", "b", "2026-05-01 08:30", amount=10)


def before_eleven(world: World) -> None:
    """Something new of each kind: a change, an arrival, a departure, another place, an example."""
    world.event("e3", "a", "2026-05-01 10:30", amount=5)
    world.thing("d", "2026-05-01 10:30")
    world.add("departures", ("c", "2026-05-01 10:40+00", "2026-05-01 10:40+00"))
    world.add("places", ("q", 7, "2026-05-01 10:30+00", "2026-05-01 10:30+00"))
    world.example("at 10:30", "a", "2026-05-01 10:30")


def after_eleven(world: World) -> None:
    """A change and its way back, and an example that the build of 11:00 would answer if it was published."""
    world.event("e4", "a", "2026-05-01 11:00:30", amount=-5)
    world.event("e5", "b", "2026-05-01 11:00:30", amount=1)
    world.example("at 11:00:40", "a", "2026-05-01 11:00:40")


@pytest.fixture(scope="session")
def twins(tmp_path_factory: pytest.TempPathFactory, parsed_world: Path) -> dict[str, Path]:
    """Worlds where nothing was killed: published at 10:00 ("start"), then built at 11:01, without or with 11:00."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "twins"
    shared.mkdir(exist_ok=True)
    folders = {name: shared / name for name in ("start", "without", "with")}
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one worker makes them, the others wait
        if not (shared / "made").exists():
            start = World(folders["start"], template=parsed_world)
            before_ten(start)
            start.build("2026-05-01 10:00")
            for name in ("without", "with"):
                world = World(folders[name], template=start.folder)
                before_eleven(world)
                if name == "with":
                    world.build("2026-05-01 11:00")
                after_eleven(world)
                world.build("2026-05-01 11:01")
            (shared / "made").touch()
    return folders


@pytest.fixture
def killable(twins: dict[str, Path], tmp_path: Path) -> World:
    """A world published at 10:00, with the news of 10:30, about to be built at 11:00."""
    world = World(tmp_path / "world", template=twins["start"])
    before_eleven(world)
    return world


def counted(world: World | Path) -> dict[str, list]:
    """What a world holds that counts, without what differs from one command to the next (ids, wall-clock times)."""
    folder = world if isinstance(world, Path) else world.folder
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as warehouse:
        warehouse.execute("set TimeZone = 'UTC'")

        def rows(sql: str) -> list[tuple]:
            return warehouse.execute(sql).fetchall()

        def history(group: str) -> list[tuple]:
            return rows(
                f"select * exclude (run_id) from {group}_v1_history where run_id in "
                f"(select run_id from asof_counted_moments where group_id = '{group}@1') order by all"
            )

        return {
            "thing history": history("thing"),
            "place history": history("place"),
            "thing latest": rows("select * from thing_v1_latest order by all"),
            "place latest": rows("select * from place_v1_latest order by all"),
            "training": rows("select * from score_v1_training order by all"),
            "moments": rows(
                "select group_id, as_of, kind, points, rows_written from asof_counted_moments order by all"
            ),
            "publications": rows(
                "select sequence_number, published_at, kind, group_id, as_of, max_age_seconds "
                "from asof_publications order by all"
            ),
        }


def assert_sound(world: World, sequence_number: int) -> None:
    """The pointer is whole, what it names is there to the byte, and no counted row is there twice."""
    published = world.folder / "published"
    assert world.pointer["sequence_number"] == sequence_number
    manifest = (published / world.pointer["manifest"]).read_bytes()
    assert hashlib.sha256(manifest).hexdigest() == world.pointer["manifest_sha256"]
    for group in json.loads(manifest)["groups"].values():
        content = (published / group["file"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (group["bytes"], group["sha256"])
    for group, key in (("thing", "thing_id"), ("place", "place_id")):
        keys = world.history(group, f"{key}, as_of")
        assert len(keys) == len(set(keys))
    assert_served(world)


def assert_served(world: World) -> None:
    """A shim that starts now serves what is current: it checks every file as it loads it."""
    answer = world.ask("score", [SENT], world.pointer["published_at"].rstrip("Z"))
    named = ("sequence_number", "snapshot_id")
    assert [answer[each] for each in named] == [world.pointer[each] for each in named]
    assert answer["rows"][0]["status"] == "OK"


def assert_recorded(world: World) -> None:
    """Record and pointer agree: every number up to the pointer's once per group, the last as the manifest says."""
    record = world.query(
        "select sequence_number, snapshot_id, group_id, as_of, run_id from asof_publications order by all"
    )
    numbers = [row[0] for row in record if row[2] == "thing@1"]
    assert numbers == list(range(1, world.pointer["sequence_number"] + 1))
    assert len({row[:1] + row[2:3] for row in record}) == len(record)
    newest = [row[1:] for row in record if row[0] == world.pointer["sequence_number"]]
    assert newest == [
        (world.pointer["snapshot_id"], name, datetime.fromisoformat(group["as_of"]), group["run_id"])
        for name, group in sorted(world.manifest["groups"].items())
    ]


def amount(world: World, now: str) -> float:
    """What the shim answers for the amounts of thing a."""
    return world.ask("score", [SENT], now)["rows"][0]["features"]["amount_total"]


def test_every_fault_point_is_tried_here() -> None:
    macros = "".join(path.read_text() for path in (ROOT / "macros").rglob("*.sql"))
    points = re.findall(r"asof\.fault_point\('(\w+)'\)", macros)
    assert len(points) == macros.count("fault_point(") - 1, "one of them is named otherwise (the other is its macro)"
    tried = BUILDING + PUBLISHING + PUBLISHED + ON_THE_WAY + REPAIRING + HOLDING + BACKFILLING + CAPTURING + KEEPING
    tried += UPGRADING + REPORTING
    assert sorted(points) == sorted(tried)


@pytest.mark.parametrize("point", BUILDING + PUBLISHING + PUBLISHED)
def test_a_build_killed_anywhere_leaves_the_old_snapshot_or_the_new(
    killable: World, twins: dict[str, Path], point: str
) -> None:
    """Snapshots are whole or not at all, and what a killed build left never counts unless it was published."""
    world = killable
    world.killed_at(point, "build", now="2026-05-01 11:00")
    moved = point in PUBLISHED
    assert world.pointer["sequence_number"] == (2 if moved else 1)
    assert_sound(world, 2 if moved else 1)
    assert amount(world, "2026-05-01 11:00:30") == (15.0 if moved else 10.0)

    after_eleven(world)
    world.build("2026-05-01 11:01")
    assert_sound(world, 3 if moved else 2)
    assert_recorded(world)
    assert amount(world, "2026-05-01 11:02") == 10.0
    assert counted(world) == counted(twins["with" if moved else "without"])


def test_a_build_killed_at_its_lesser_writes_leaves_nothing_behind(killable: World, twins: dict[str, Path]) -> None:
    """Entities, definitions, results and training sets: one kill after the other, each getting as far as before."""
    world = killable
    training = world.folder / "training" / "score_v1.parquet"
    for point in ON_THE_WAY:
        world.killed_at(point, "build", now="2026-05-01 11:00")
        assert_sound(world, 1)
        assert amount(world, "2026-05-01 11:00:30") == 10.0
        rows = duckdb.sql(f"select row_id, amount_total from '{training}'").fetchall()
        assert rows == ([("at 10:30", 10.0)] if point == "after_training_file" else [])
        if point == "after_entity":  # some tables are new, some old, and each passes its tests
            run = world.dbt("test", now="2026-05-01 11:00")
            assert run.says("nothing published: the run")
            assert run.says("was interrupted")
    # the last one was whole and green, and only its publication was missing
    world.dbt("test", now="2026-05-01 11:00")
    assert_sound(world, 2)
    after_eleven(world)
    world.build("2026-05-01 11:01")
    assert_sound(world, 3)
    assert_recorded(world)
    assert counted(world) == counted(twins["with"])


def test_a_repair_that_is_killed_is_repaired(killable: World, twins: dict[str, Path]) -> None:
    """The pointer is the truth; the record follows it, however often that is interrupted."""
    world = killable
    world.killed_at("after_pointer", "build", now="2026-05-01 11:00")
    for point in REPAIRING:
        world.killed_at(point, "build", now="2026-05-01 11:00:20")
        assert_sound(world, 2)
    assert_recorded(world)
    after_eleven(world)
    world.build("2026-05-01 11:01")
    assert_sound(world, 3)
    assert_recorded(world)
    assert counted(world) == counted(twins["with"])


def test_a_rollback_a_hold_and_a_release_that_are_killed_are_done_or_not(
    twins: dict[str, Path], tmp_path: Path
) -> None:
    """Rollback is a publication, and its hold comes with it in the pointer; a hold is there or not."""
    world = World(tmp_path / "world", template=twins["with"])
    before = world.pointer
    world.killed_at("before_pointer", OPERATION, "rollback", "--args", "{to: 2}", now="2026-05-01 11:10")
    assert world.pointer == before
    assert_served(world)
    world.killed_at("after_pointer", OPERATION, "rollback", "--args", "{to: 2}", now="2026-05-01 11:10")
    assert_sound(world, 4)
    assert (world.pointer["kind"], world.pointer["hold"]["reason"]) == ("rollback", "rollback")
    assert amount(world, "2026-05-01 11:11") == 15.0
    run = world.build("2026-05-01 11:11")
    assert run.says("publication 4 was made but not recorded")
    assert run.says("nothing published: on hold")
    assert_recorded(world)

    for point, held in (("before_hold", True), ("after_hold", False)):
        world.killed_at(point, OPERATION, "release", now="2026-05-01 11:12")
        assert (world.pointer["hold"] is not None, world.pointer["sequence_number"]) == (held, 4)
        assert_served(world)
    world.build("2026-05-01 11:13")
    assert_sound(world, 5)
    assert_recorded(world)
    assert amount(world, "2026-05-01 11:14") == 10.0


BACKFILL = ("2026-05-01 05:00", "2026-05-01 08:00", "1 hour")


def backfill_world(folder: Path, parsed_world: Path) -> World:
    """Known from 04:15 on; one thing leaves between the backfill's end and the first live moment."""
    world = World(folder, template=parsed_world)
    world.add("places", ("p", 5, "2026-05-01 04:00+00", "2026-05-01 04:00+00"))
    for thing in ("a", "b", "leaver"):
        world.thing(thing, "2026-05-01 04:15")
    world.event("e1", "a", "2026-05-01 05:30", amount=10)
    world.event("e2", "a", "2026-05-01 06:30", amount=-10)
    world.event("e3", "b", "2026-05-01 08:10")
    world.add("departures", ("leaver", "2026-05-01 08:30+00", "2026-05-01 08:30+00"))
    return world


def test_a_backfill_killed_at_its_beginning_and_end_counts_whole_or_not_at_all(
    parsed_world: Path, tmp_path: Path
) -> None:
    """A backfill counts once it is complete, all at once; until then it is resumed under the same id."""
    world = backfill_world(tmp_path / "world", parsed_world)
    twin = World(tmp_path / "twin", template=world.folder)
    groups, now = "thing_v1_history", "2026-05-01 09:00"
    twin.backfill(*BACKFILL, now=now, groups=groups)
    twin.build("2026-05-01 09:01")

    command = ("run", "--select", f"+{groups}", *backfill_of(*BACKFILL))
    for point in BACKFILLING:
        world.killed_at(point, *command, now=now)
        assert len(world.query("select backfill_id from asof_backfills")) == 1
        assert len(world.history()) == (5 if point == "after_completion" else 0)
    # killed before it was complete, and a build came in between: what the backfill leaves alive is closed there
    run = world.backfill(*BACKFILL, now=now, groups=groups)
    assert run.says("this backfill is already complete; nothing to record.")
    world.build("2026-05-01 09:01")
    assert_sound(world, 1)
    assert_recorded(world)
    assert counted(world) == counted(twin)


def test_a_backfill_killed_before_the_first_publication_is_completed_after_it(
    parsed_world: Path, tmp_path: Path
) -> None:
    """Resumed before what counts by then; a thing that left meanwhile is gone at the first counted moment."""
    world = backfill_world(tmp_path / "world", parsed_world)
    twin = World(tmp_path / "twin", template=world.folder)
    groups = "thing_v1_history"
    command = ("run", "--select", f"+{groups}", *backfill_of(*BACKFILL))
    world.killed_at("within_completion", *command, now="2026-05-01 09:00")
    for each in (world, twin):
        each.build("2026-05-01 09:01")
        assert_sound(each, 1)
        each.backfill(*BACKFILL, now="2026-05-01 09:02", groups=groups)
    assert counted(world) == counted(twin)
    leaver = "select as_of, is_tombstone from thing_v1_history where thing_id = 'leaver' order by 1"
    assert world.query(leaver) == [(at("2026-05-01 05:00"), False), (at("2026-05-01 09:01"), True)]
    assert len(world.query("select backfill_id from asof_backfills")) == 1


def test_rows_of_a_failed_build_are_not_served_trained_on_or_compared_with(
    killable: World, twins: dict[str, Path]
) -> None:
    """The feed said 620000, the test failed; mended, the same moment again is green and as if that had never been."""
    world = killable
    bad = [{**SENT, "thing_id": "b"}]
    world.execute("update raw.events set amount = 620000 where event_id in ('e2', 'e3')")
    run = world.build("2026-05-01 11:00", fails=True)
    assert run.says("amount_total lies outside its declared range")
    assert_sound(world, 1)
    assert world.query("select count(*) from thing_v1_history where amount_total >= 620000") == [(2,)]
    assert world.ask("score", bad, "2026-05-01 11:00:10")["rows"][0]["features"]["amount_total"] == 10.0

    world.execute("update raw.events set amount = 10 where event_id = 'e2'")
    world.execute("update raw.events set amount = 5 where event_id = 'e3'")
    world.build("2026-05-01 11:00")
    assert_sound(world, 2)
    assert_recorded(world)
    assert world.ask("score", bad, "2026-05-01 11:00:10")["rows"][0]["features"]["amount_total"] == 10.0
    # b is at 10 as at 10:00: compared with the bad row, it would have been a change
    assert [row[1] for row in world.history() if row[0] == "b"] == [at("2026-05-01 10:00")]

    after_eleven(world)
    world.build("2026-05-01 11:01")
    assert counted(world) == counted(twins["with"])
    assert max(row["amount_total"] for row in world.training().values()) == 15.0


def test_no_dbt_command_outlives_the_tests_that_began_it(tmp_path: Path, parsed_world: Path) -> None:
    """Killed as by a timeout: the command, which would stand still at its next moment for ever, ends with it."""
    command = [sys.executable, "-c", KILLED_TEST, tmp_path, parsed_world]
    warehouse = tmp_path / "world" / "warehouse.duckdb"
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as killed:
        paused = int(killed.stdout.readline())
        try:
            with pytest.raises(duckdb.IOException, match="lock"):  # the command holds it
                duckdb.connect(warehouse)
            killed.kill()
            deadline = time.monotonic() + 10
            while True:
                try:
                    duckdb.connect(warehouse).close()
                    break
                except duckdb.IOException:
                    assert time.monotonic() < deadline, "the command has outlived the tests"
                    time.sleep(0.05)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(paused, signal.SIGKILL)
