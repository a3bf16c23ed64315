"""What is published, when, and why not; the pointer, the record, rollback and hold."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from asof.compare import difference
from tests.test_as_served import as_json, name_publications
from tests.test_training_sets import rows_of
from tests.world import ROOT, World

SENT = {"thing_id": "a", "request_amount": 1}
ACCEPT_LOSS = ("run-operation", "accept_loss", "--args", "{reason: disk of 1 May}")


@pytest.fixture
def stocked(world: World) -> World:
    """A world with one thing at one place, and one event."""
    world.add("places", ("p", 5, "2026-05-01 08:00+00", "2026-05-01 08:00+00"))
    world.thing("a", "2026-05-01 08:00")
    world.event("e", "a", "2026-05-01 08:30", amount=10)
    return world


def files(folder: Path) -> dict[str, bytes]:
    """What is published; what is held or found, and why, is no part of it."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name not in ("held.json", "health.json")}


def record(world: World) -> list[tuple]:
    """The publication record, a row per publication: number, snapshot, kind, groups."""
    return world.query(
        "select sequence_number, snapshot_id, kind, list(group_id order by group_id) "
        "from asof_publications group by all order by 1"
    )


def assert_whole(world: World) -> None:
    """What the pointer names is there to the byte: the manifest and each file in it, by size and hash."""
    published = world.folder / "published"
    manifest = (published / world.pointer["manifest"]).read_bytes()
    assert hashlib.sha256(manifest).hexdigest() == world.pointer["manifest_sha256"]
    for group in json.loads(manifest)["groups"].values():
        content = (published / group["file"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (group["bytes"], group["sha256"])
        assert duckdb.sql(f"select count(*) from '{published / group['file']}'").fetchall() == [(group["rows"],)]


def status(world: World, now: str) -> str:
    return world.ask("score", [SENT], now)["rows"][0]["status"]


def test_a_quiet_source_is_published_anew_and_training_sets_can_be_read_meanwhile(stocked: World) -> None:
    """A new moment over unchanged data is a publication, since age counts; the same moment again is none."""
    world = stocked
    world.build("2026-05-01 09:00")
    world.example("at 09:30", "a", "2026-05-01 09:30")
    world.build("2026-05-01 10:00")
    assert_whole(world)
    assert (world.pointer["now_injected"], world.manifest["now_injected"]) == (True, True)
    before = files(world.folder / "published")
    assert world.build("2026-05-01 10:00").says("nothing published: tables, definitions and moments equal those of")
    assert files(world.folder / "published") == before

    training = world.folder / "training" / "score_v1.parquet"
    with world.paused_at("before_parquet", "build", now="2026-05-01 11:00") as paused:
        # the build holds the warehouse; the training set and the snapshot before it are there to be read
        with pytest.raises(duckdb.IOException):
            world.warehouse()
        assert duckdb.sql(f"select row_id, amount_total from '{training}'").fetchall() == [("at 09:30", 10.0)]
        assert status(world, "2026-05-01 11:00") == "OK"
        assert files(world.folder / "published") == before
        paused.go_on()
    assert world.pointer["sequence_number"] == 3
    assert_whole(world)
    # three publications of one table: no event came, one row of history
    assert [row[0] for row in record(world)] == [1, 2, 3]
    assert world.query("select count(*) from thing_v1_history") == [(1,)]
    assert [group["rows"] for group in world.manifest["groups"].values()] == [1, 1]
    assert world.manifest["groups"]["thing@1"]["newest_known_at"] == "2026-05-01T08:30:00.000000Z"
    assert {id_: each["target_seconds"] for id_, each in world.manifest["groups"].items()} == {
        "thing@1": 300,
        "place@1": None,
    }

    # the declared age is edited from 2 hours to 30 minutes: what was OK then stays OK, from now on it is another
    for group in ("thing", "place"):
        world.replace(f"models/features/{group}.yml", "max_age: 2 hours", "max_age: 30 minutes")
    for when in ("11:59:59", "13:01"):
        world.example(f"at {when}", "a", f"2026-05-01 {when}", request_color="red")
    assert status(world, "2026-05-01 12:59") == "OK"
    assert status(world, "2026-05-01 13:01") == "REJECTED"  # builds stopped for two hours: stale, so no color
    world.build("2026-05-01 14:00")
    for when in ("14:30", "14:30:00.000001"):
        world.example(f"at {when}", "a", f"2026-05-01 {when}", request_color="red")
    assert world.manifest["groups"]["thing@1"]["max_age_seconds"] == 1800
    assert status(world, "2026-05-01 14:31") == "REJECTED"
    world.build("2026-05-01 15:00")
    assert {row_id: row["status"] for row_id, row in world.training().items()} == {
        "at 09:30": "OK",
        "at 11:59:59": "OK",
        "at 13:01": "STALE",
        "at 14:30": "OK",
        "at 14:30:00.000001": "STALE",
    }


def test_only_a_whole_and_wholly_tested_run_of_a_publishing_target_is_published(stocked: World) -> None:
    """A part of a component, an untested whole or another target publishes nothing."""
    world = stocked
    run = world.build("2026-05-01 09:00", "--select", "+thing_v1_latest")
    assert run.says("nothing published: not built whole by the last run. Not in it:")
    assert run.says("place_v1_history")
    assert run.says("To publish it: `dbt build --select @place.v1 @thing.v1`.")
    world.dbt("run", now="2026-05-01 09:30")
    assert world.pointer is None
    run = world.dbt("test", "--select", "things", "thing_v1", now="2026-05-01 09:30")
    assert run.says("nothing published: not tested since these tables were built:")
    assert run.says("Run `dbt test`.")
    assert world.pointer is None
    assert world.history() == []
    world.dbt("test", now="2026-05-01 09:30")
    assert world.pointer["sequence_number"] == 1
    assert world.manifest["groups"]["thing@1"]["as_of"] == "2026-05-01T09:30:00.000000Z"

    before = files(world.folder / "published")
    world.build("2026-05-01 10:00", "--target", "dev")
    assert files(world.folder / "published") == before
    assert len(record(world)) == 1
    assert len(world.query("select distinct as_of from asof_counted_moments")) == 1


def test_a_failed_test_keeps_the_snapshot_before_and_a_changed_text_holds_the_publication(stocked: World) -> None:
    """A published meaning stays under its version: changed text goes out only once a person accepted it."""
    world = stocked
    world.build("2026-05-01 09:00")
    before = files(world.folder / "published")

    world.event("bad", "a", "2026-05-01 09:30", amount=620000)
    run = world.build("2026-05-01 10:00", fails=True)
    assert run.says("amount_total lies outside its declared range [-1000, 100000] | 1 | ")
    assert run.says("'amount_total': 620010.00")  # the row itself
    assert run.says("nothing published: failed tests: asof_feature_group_thing_v1_.")
    assert files(world.folder / "published") == before
    world.execute("delete from raw.events where event_id = 'bad'")

    # white space and comments are no change of meaning
    world.replace("models/services/score_v1.sql", "select\n", "-- what is scored\nselect /* one row */\n\n    ")
    world.replace("models/features/thing_v1.sql", "select\n", "/* per\n thing */ select -- all of it\n\n    ")
    world.build("2026-05-01 11:00")
    assert world.pointer["sequence_number"] == 2
    before = files(world.folder / "published")

    world.replace("models/services/score_v1.sql", "coalesce(events_30d, 0)", "coalesce(events_30d, -1)")
    run = world.build("2026-05-01 12:00", fails=True)
    assert run.says("publication held: the compiled text of score@1 changed since it was published under this version")
    assert files(world.folder / "published") == before
    accept = "{id: score@1, reason: 'never null there'}"
    world.dbt("run-operation", "accept_definition", "--args", accept, now="2026-05-01 12:10")
    world.build("2026-05-01 12:30")
    assert world.pointer["sequence_number"] == 3
    assert "coalesce(events_30d, -1)" in world.manifest["services"]["score@1"]["sql"]
    before = files(world.folder / "published")

    world.replace("models/features/thing_v1.sql", "sum(event.amount)", "sum(2 * event.amount)")
    run = world.build("2026-05-01 13:00", fails=True)
    assert run.says("evaluated again, a past point differs from what was recorded")
    assert run.says("the formula was edited (write it as a new version)")
    assert files(world.folder / "published") == before
    world.replace("models/features/thing_v1.sql", "sum(2 * event.amount)", "sum(event.amount)")
    world.build("2026-05-01 14:00")
    # what the other text computed was never served, and never compared with
    assert world.query(
        "select as_of from asof_counted_moments where group_id = 'thing@1' and as_of::date = '2026-05-01'"
    )
    assert [row[0] for row in world.history(columns="amount_total")] == [10]


def test_a_rollback_holds_until_released_and_every_publication_is_later_than_the_one_before(stocked: World) -> None:
    """Rolled back, what builds and tests make neither counts nor goes out; a clock set back orders nothing anew."""
    world = stocked
    operation = "run-operation"
    world.build("2026-05-01 10:00")
    world.event("e2", "a", "2026-05-01 10:30", amount=5)
    world.build("2026-05-01 11:00")
    first, second = (row[1] for row in record(world))
    counted = world.history(columns="as_of, amount_total")

    # in the same microsecond as the publication before, by the builder's clock
    run = world.dbt(operation, "rollback", now="2026-05-01 11:00", fails=True)
    assert run.says("name the publication to roll back to")
    assert run.says("The last ones: 2 of 2026-05-01T11:00:00.000001Z: place@1, thing@1, score@1; 1 of ")
    world.dbt(operation, "rollback", "--args", "{to: 1, reason: wrong amounts}", now="2026-05-01 11:00")
    assert (world.pointer["snapshot_id"], world.pointer["kind"]) == (first, "rollback")
    assert world.pointer["hold"] == {"reason": "wrong amounts", "since": "2026-05-01T11:00:00.000000Z"}
    assert world.pointer["published_at"] == "2026-05-01T11:00:00.000002Z"
    assert world.ask("score", [SENT], "2026-05-01 11:01")["rows"][0]["features"]["amount_total"] == 10.0
    # and with the clock set back by half an hour
    world.dbt(operation, "rollback", "--args", "{to: 2}", now="2026-05-01 10:30")
    assert (world.pointer["snapshot_id"], world.pointer["published_at"]) == (second, "2026-05-01T11:00:00.000003Z")
    world.dbt(operation, "rollback", "--args", "{to: 1}", now="2026-05-01 10:31")
    assert (world.pointer["sequence_number"], world.pointer["snapshot_id"]) == (5, first)
    assert [(row[0], row[1]) for row in record(world)] == list(enumerate([first, second, first, second, first], 1))

    # the minutely loop goes on: another value, and the first again
    world.event("e3", "a", "2026-05-01 11:01", amount=7)
    run = world.build("2026-05-01 11:02")
    assert run.says("nothing published: on hold since 2026-05-01T10:31:00.000000Z (rollback). Release it with")
    world.execute("update raw.events set amount = 0 where event_id = 'e3'")
    world.build("2026-05-01 11:03")
    assert world.pointer["sequence_number"] == 5
    assert world.history(columns="as_of, amount_total") == counted
    assert world.query("select count(*) from thing_v1_history") > [(len(counted),)]

    world.dbt(operation, "release", now="2026-05-01 11:04")
    assert (world.pointer["hold"], world.pointer["sequence_number"]) == (None, 5)
    # released, but what was built under the hold stays out
    assert world.dbt("test", now="2026-05-01 11:04").says("nothing published: the last run was made before the hold")
    world.build("2026-05-01 11:05")
    assert (world.pointer["sequence_number"], world.pointer["kind"]) == (6, "build")
    # the events after e2 left the sum as it was at 11:00: no row but that of the last event's time
    assert [float(row[1]) for row in world.history(columns="as_of, amount_total")] == [10, 15, 15]

    world.dbt(operation, "hold", "--args", "{reason: holidays}", now="2026-05-01 11:06")
    assert (world.pointer["hold"]["reason"], world.pointer["sequence_number"]) == ("holidays", 6)
    command = [sys.executable, "-m", "asof", "prune", "--folder", str(world.folder / "published"), "--keep", "1"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)
    pointer = world.pointer
    run = world.dbt(operation, "rollback", "--args", "{to: 2}", now="2026-05-01 11:07", fails=True)
    assert run.says(f"the files of {second} (publication 2) are no longer in published")
    assert world.pointer == pointer
    assert_whole(world)


def test_the_record_is_repaired_from_the_pointer_before_anything_is_compared(stocked: World) -> None:
    """Killed between pointer and record: what was served counts, for the next build as for a rollback."""
    world = stocked
    world.build("2026-05-01 09:00")
    # 10 then 15 then 10 again: the run at 10:00 was served, though its command never got to say so
    world.event("more", "a", "2026-05-01 09:30", amount=5)
    world.killed_at("after_pointer", "build", now="2026-05-01 10:00")
    assert (world.pointer["sequence_number"], len(record(world))) == (2, 1)
    served = world.pointer["snapshot_id"]
    rolled_back = World(world.folder.with_name("rolled back"), template=world.folder)

    world.event("less", "a", "2026-05-01 10:30", amount=-5)
    world.example("between", "a", "2026-05-01 10:30")
    run = world.build("2026-05-01 11:00")
    assert run.says("publication 2 was made but not recorded (its command was interrupted): recorded now.")
    assert [row[:3] for row in record(world)] == [
        (number, snapshot, "build")
        for number, snapshot in enumerate([record(world)[0][1], served, world.pointer["snapshot_id"]], 1)
    ]
    assert [float(row[0]) for row in world.history(columns="amount_total")] == [10, 15, 10]
    assert world.training()["between"]["amount_total"] == 15.0

    run = rolled_back.dbt("run-operation", "rollback", "--args", "{to: 1}", now="2026-05-01 10:01")
    assert run.says("publication 2 was made but not recorded")
    assert rolled_back.pointer["sequence_number"] == 3
    assert [row[0] for row in record(rolled_back)] == [1, 2, 3]
    assert record(rolled_back)[1][1] == served
    assert record(rolled_back)[0][1] == record(rolled_back)[2][1]


def test_an_emptied_folder_goes_on_numbering_and_a_gap_is_an_error(
    stocked: World, parsed_world: Path, tmp_path: Path
) -> None:
    """The next number is that of pointer and record, whichever is larger, plus one; two snapshots never share one."""
    world = stocked
    world.build("2026-05-01 09:00")
    first = World(tmp_path / "as of 09", template=world.folder)
    world.build("2026-05-01 10:00")
    second = World(tmp_path / "as of 10", template=world.folder)
    world.event("e3", "a", "2026-05-01 10:30")
    world.build("2026-05-01 11:00")
    published = world.folder / "published"

    # an older folder restored under this warehouse
    newest = tmp_path / "newest"
    shutil.move(published, newest)
    shutil.copytree(second.folder / "published", published)
    run = world.build("2026-05-01 12:00", fails=True)
    assert run.says("the publication record ends at 3 but published/current.json is publication 2")
    # an older warehouse restored under the newer folder
    for each in (world, first, second):
        shutil.rmtree(each.folder / "published")
        shutil.copytree(newest, each.folder / "published")
    run = first.build("2026-05-01 12:00", fails=True)
    assert run.says("the publication record ends at 1 but published/current.json is publication 3 (made at 2026-05-01")
    assert run.says("does not hold what was served since 2026-05-01T09:00:00.000001Z")
    # older by one publication: since when its rows were served is known to the microsecond
    run = second.build("2026-05-01 12:00", fails=True)
    assert run.says("does not hold what was served since 2026-05-01T11:00:00.000001Z")
    assert run.says("If the rows are gone for good, say so: dbt run-operation accept_loss")
    assert world.pointer == first.pointer == second.pointer
    second.dbt(*ACCEPT_LOSS, now="2026-05-01 12:00")
    second.event("e3", "a", "2026-05-01 10:30")
    for when in ("10:30", "11:00", "11:00:00.000001", "11:30"):
        second.example(f"at {when}", "a", f"2026-05-01 {when}")
    run = second.build("2026-05-01 12:00")
    assert run.says("2 training rows of 4 examples; left out: 2 lost, 0 without a snapshot")
    assert list(second.training()) == ["at 10:30", "at 11:00"]
    assert second.pointer["sequence_number"] == 4
    run = second.dbt(*ACCEPT_LOSS, now="2026-05-01 12:01", fails=True)
    assert run.says("nothing is lost: the publication record holds what the pointer names")
    # no backup at all
    empty = World(tmp_path / "empty", template=parsed_world)
    shutil.rmtree(empty.folder / "published")
    shutil.copytree(newest, empty.folder / "published")
    run = empty.dbt(*ACCEPT_LOSS, now="2026-05-01 12:00")
    assert run.says("lost are publications 1 to 3, from 1970-01-01T00:00:00.000001Z until the next")

    # emptied by hand
    for path in published.iterdir():
        path.unlink()
    world.build("2026-05-01 12:00")
    assert world.pointer["sequence_number"] == 4
    assert [row[0] for row in record(world)] == [1, 2, 3, 4]
    assert_whole(world)
    run = world.dbt("run-operation", "rollback", "--args", "{to: 3}", now="2026-05-01 12:01", fails=True)
    assert run.says("are no longer in published")


def backup_commands() -> list[str]:
    """Those of docs/operations.md: to back up, to restore warehouse and folder, to restore the warehouse alone."""
    section = (ROOT / "docs/operations.md").read_text().partition("## Backup")[2].partition("\n## ")[0]
    return re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL)


def follow(world: World, commands: str) -> int:
    """Runs them in a world, where the one file lies beside its folders; returns the exit code."""
    commands = re.sub(r"(?<=[/ \"])(warehouse/)?asof\.duckdb", "warehouse.duckdb", commands)
    commands = commands.replace(" warehouse/", " .")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    shell = ["bash", "-euc", commands]
    return subprocess.run(shell, cwd=world.folder, env=os.environ | {"PATH": path}, timeout=60).returncode


def test_a_backup_as_documented_is_restored_and_goes_on(stocked: World) -> None:
    """The commands of docs/operations.md; what was published after the backup is gone, and all before is as it was."""
    world = stocked
    back_up, restore, _ = backup_commands()
    world.build("2026-05-01 09:00")
    world.example("at 09:30", "a", "2026-05-01 09:30")
    with world.warehouse(read_only=False):  # as a build has it open
        assert follow(world, back_up) != 0
        assert not (world.folder / "backup").exists()
    assert follow(world, back_up) == 0
    first = world.pointer
    # what is lost: an event, and a publication that knew it
    world.event("e2", "a", "2026-05-01 09:45", amount=5)
    world.build("2026-05-01 10:00")
    assert world.pointer["sequence_number"] == 2

    assert follow(world, restore) == 0
    assert world.pointer == first
    assert status(world, "2026-05-01 10:30") == "OK"
    world.build("2026-05-01 11:00")
    assert_whole(world)
    assert [row[0] for row in record(world)] == [1, 2]
    assert {row_id: row["amount_total"] for row_id, row in world.training().items()} == {"at 09:30": 10.0}
    assert [float(row[0]) for row in world.history(columns="amount_total")] == [10]


def test_an_older_warehouse_under_a_newer_pointer_loses_its_hours_and_nothing_is_made_up_for_them(
    stocked: World,
) -> None:
    """Three publications are lost. Before and after them training is as served, of them it has nothing."""
    world = stocked
    name_publications(world)
    back_up, _, restore = backup_commands()
    source: list[tuple[str, str, float]] = []  # what has happened by then, which every warehouse is told
    answers: dict[str, dict] = {}

    def happens(event_id: str, at: str, amount: float) -> None:
        source.append((event_id, f"2026-05-01 {at}", amount))
        world.event(event_id, "a", f"2026-05-01 {at}", amount=amount)

    def ask(*times: str) -> None:
        for at in times:
            answers[at] = world.ask("score", [SENT], f"2026-05-01 {at}", is_logged=True)

    def examples_of(world: World) -> None:
        """Each answer as two examples: by its time alone, and by the publication that the log names."""
        for at, answer in answers.items():
            for row_id, number in ((at, None), (f"{at} logged", answer["sequence_number"])):
                when = f"2026-05-01 {at}+00"
                world.add("examples", (row_id, "a", when, 1, None, True, when, number))

    def wrong(rows: dict[str, dict]) -> list[str]:
        """Of training rows those that are not what the shim answered, value for value."""
        found = []
        for row_id, row in rows.items():
            answer = answers[row_id.split()[0]]
            [answered] = answer["rows"]
            trained = {name: as_json(row[name]) for name in answered["features"]}
            if (row["status"], row["sequence_number"]) != (answered["status"], answer["sequence_number"]) or (
                trained != answered["features"]
            ):
                found.append(row_id)
        return found

    def training_set(world: World) -> dict:
        run = world.dbt("run-operation", "training_set", "--args", "{service: score}", now="2026-05-01 14:00")
        path = world.folder / run.output.split()[-1]
        return json.loads(path.read_text()) | {"path": str(path)}

    world.build("2026-05-01 08:40")
    ask("08:50")
    happens("e1", "08:55", 1)
    world.build("2026-05-01 09:00")
    ask("09:00:00.000001", "09:30")
    assert follow(world, back_up) == 0
    for hour in (10, 11, 12):
        happens(f"e{hour}", f"{hour - 1}:50", hour)
        world.build(f"2026-05-01 {hour}:00")
        ask(f"{hour}:30")
        if hour == 10:
            rolled_back = World(world.folder.with_name("rolled back"), template=world.folder)
    before = world.pointer
    assert before["sequence_number"] == 5

    assert follow(world, restore) == 0
    for event_id, at, amount in source[1:]:
        world.event(event_id, "a", at, amount=amount)
    assert record(world)[-1][0] == 2
    run = world.build("2026-05-01 12:40", fails=True)
    assert run.says("the publication record ends at 2 but published/current.json is publication 5")
    assert run.says("dbt run-operation accept_loss --args")
    # whole or not at all, as everything
    world.killed_at("within_together", *ACCEPT_LOSS, now="2026-05-01 12:41")
    assert record(world)[-1][0] == 2
    run = world.dbt(*ACCEPT_LOSS, now="2026-05-01 12:42")
    assert run.says(
        "warning: lost are publications 3 to 5, from 2026-05-01T09:00:00.000002Z until the next: the rows that were "
        "served then are not in this warehouse."
    )
    assert run.says("Reason: disk of 1 May")
    assert [(*row[:3], len(row[3])) for row in record(world)[2:]] == [
        (3, None, "lost", 2),
        (4, None, "lost", 2),
        (5, before["snapshot_id"], "build", 2),
    ]
    assert world.pointer == before
    ask("12:45")  # the shims know nothing of it
    batch = "{service: score, to: scores.parquet}"
    run = world.dbt("run-operation", "batch", "--args", batch, now="2026-05-01 12:45", fails=True)
    assert run.says("what the current publication (5) served of thing@1 is not in this warehouse")

    run = world.dbt("test", now="2026-05-01 12:46")
    assert run.says("2 same; 4 not comparable: its publication is lost, since an older warehouse was restored.")
    assert run.says("nothing published: the last run was made before the loss was accepted; run `dbt build`.")

    happens("e13", "12:50", 13)
    world.build("2026-05-01 13:00")
    assert (world.pointer["sequence_number"], world.pointer["kind"]) == (6, "build")
    ask("13:30")
    assert [answer["rows"][0]["features"]["amount_total"] for answer in answers.values()] == [
        *(10.0, 11.0, 11.0),
        *(21.0, 32.0, 44.0, 44.0),  # these are lost
        57.0,
    ]
    # appended against what is there: the row of 13:00 comes after that of 09:00
    assert [float(row[0]) for row in world.history(columns="amount_total")] == [10, 11, 57]
    examples_of(world)
    run = world.build("2026-05-01 14:00")
    assert run.says("score@1: 7 training rows of 16 examples; left out: 9 lost, 0 without a snapshot")
    assert run.says("lost are publications 3 to 5, from 2026-05-01T09:00:00.000002Z to 2026-05-01T13:00:00.000001Z")
    assert run.says("parity of score@1, logged answers against history: 1 same.")
    assert world.pointer["sequence_number"] == 7
    # of 09:30 the time alone does not say whether publication 3 had been made; the log does
    kept = ["08:50", "08:50 logged", "09:00:00.000001", "09:00:00.000001 logged", "09:30 logged"]
    assert sorted(world.training()) == [*kept, "13:30", "13:30 logged"]
    assert wrong(world.training()) == []

    # what is known of a single one, of a set, and of a rollback to it
    requested = "{service: score, request: {thing_id: a, request_amount: 1}, at: '2026-05-01T11:30:00Z'}"
    run = world.dbt("run-operation", "explain", "--args", requested, now="2026-05-01 14:00")
    assert '"status": "LOST"' in run.output
    right = training_set(world)
    assert (right["statuses"], right["left_out"]["lost"], right["lost"]["rows"]) == ({"LOST": 9, "OK": 7}, 9, 9)
    run = world.dbt("run-operation", "rollback", "--args", "{to: 5}", now="2026-05-01 14:01", fails=True)
    assert run.says(
        "publication 5 is lost: an older warehouse was restored, which does not hold the rows that it served."
    )
    assert run.says("The newest before it that is held: dbt run-operation rollback --args '{to: 2}'")

    # caught, if it were taken for what was there before: as if the lost publications had served the rows of 09:00
    mistaken = World(world.folder.with_name("mistaken"), template=world.folder)
    mistaken.execute(
        "update asof_publications set as_of = '2026-05-01 09:00:00+00', max_age_seconds = 86400 where as_of is null"
    )
    made_up = training_set(mistaken)
    lost = ["10:30", "11:30", "12:30", "12:45"]
    made_up_rows = rows_of(mistaken.folder / "training/sets" / made_up["files"]["rows"]["file"])
    assert wrong(made_up_rows) == ["09:30", *(f"{at}{logged}" for at in lost for logged in ("", " logged"))]
    assert difference(right, made_up)["only_in_b"] == {"lost": 9}

    # the pointer may name what the older copy holds: after a rollback only the time up to it is lost
    world = rolled_back
    world.dbt("run-operation", "rollback", "--args", "{to: 2}", now="2026-05-01 10:40")
    ask("10:45")
    assert answers["10:45"]["sequence_number"] == 4
    assert follow(world, restore) == 0
    run = world.dbt(*ACCEPT_LOSS, now="2026-05-01 10:46")
    assert run.says("lost are publication 3, from 2026-05-01T09:00:00.000002Z to 2026-05-01T10:40:00.000000Z")
    answers = {at: answer for at, answer in answers.items() if at <= "10:45"}
    examples_of(world)
    assert world.build("2026-05-01 10:50").says("nothing published: on hold since")
    assert sorted(world.training()) == [*kept, "10:45", "10:45 logged"]
    assert wrong(world.training()) == []


def add_service_of_a_new_group(world: World) -> None:
    """corner@1 (of things) and tally@1, a service on it and the same examples; both under construction."""
    models = world.folder / "models"
    (models / "features" / "mark_v1.sql").write_text(
        "select point.thing_id, point.as_of, count(event.event_id) as marks\n"
        "from {{ asof.points(ref('things')) }} as point\n"
        "{{ asof.left_join_known(ref('stg_events'), as='event', on='thing_id', corrected=true) }}\n"
        "group by 1, 2\n"
    )
    (models / "features" / "mark.yml").write_text(
        """models:
  - name: mark
    latest_version: 1
    description: One row per thing and moment.
    config: {meta: {owner: tests, max_age: 2 hours, publish: false}}
    data_tests: [asof.feature_group]
    columns:
      - {name: thing_id, data_type: varchar, description: The thing.}
      - {name: as_of, data_type: timestamptz, description: The moment.}
      - {name: marks, data_type: bigint, description: All events., config: {meta: {range: [2, 100]}}}
    versions: [{v: 1}]
"""
    )
    (models / "history" / "mark_v1_history.sql").write_text("{{ asof.history() }}\n")
    (models / "online" / "mark_v1_latest.sql").write_text("{{ asof.latest() }}\n")
    (models / "services" / "tally_v1.sql").write_text("select row_id, marks as tally from {{ ref('tally_v1_rows') }}\n")
    (models / "services" / "tally_v1_rows.sql").write_text("{{ asof.rows(['mark@1'], examples='score_examples') }}\n")
    (models / "training" / "tally_v1_training.sql").write_text("{{ asof.training() }}\n")
    (models / "services" / "tally.yml").write_text(
        """models:
  - name: tally
    latest_version: 1
    description: One row per thing.
    config: {meta: {owner: tests, publish: false}}
    data_tests: [asof.service]
    columns:
      - {name: row_id, data_type: varchar, description: The request.}
      - {name: tally, data_type: bigint, description: All events.}
    versions: [{v: 1}]
"""
    )


def test_what_is_under_construction_fails_alone_and_has_no_snapshot_before_its_birth(stocked: World) -> None:
    """publish: false keeps a failing newcomer out of the way; an example without its group takes no other snapshot."""
    world = stocked
    add_service_of_a_new_group(world)
    run = world.build("2026-05-01 10:00", fails=True)
    assert run.says("marks lies outside its declared range")
    assert list(world.manifest["services"]) == ["score@1"]
    assert sorted(world.manifest["groups"]) == ["place@1", "thing@1"]

    for file in ("features/mark.yml", "services/tally.yml"):
        world.replace(f"models/{file}", ", publish: false", "")
    run = world.build("2026-05-01 11:00", fails=True)
    assert run.says("published ")
    assert run.says("left out: mark@1, tally@1: failed tests: asof_feature_group_mark_v1_")
    assert sorted(world.manifest["services"]) == ["score@1"]

    world.replace("models/features/mark.yml", "[2, 100]", "[0, 100]")
    world.build("2026-05-01 12:00")
    assert sorted(world.manifest["services"]) == ["score@1", "tally@1"]
    # rolled back past the newcomer's birth, for an hour
    world.dbt("run-operation", "rollback", "--args", "{to: 2}", now="2026-05-01 12:30")
    world.dbt("run-operation", "release", now="2026-05-01 13:00")
    for when in ("11:30", "12:15", "12:45", "13:15"):
        world.example(f"at {when}", "a", f"2026-05-01 {when}", request_color="red")
    world.build("2026-05-01 13:30")
    world.example("at 13:45", "a", "2026-05-01 13:45")
    run = world.build("2026-05-01 14:00")
    assert run.says("tally@1: 2 training rows of 5 examples; left out: 3 without a snapshot, 0 rejected")
    assert sorted(world.training("tally_v1")) == ["at 12:15", "at 13:45"]
    numbers = {row_id: row["sequence_number"] for row_id, row in world.training().items()}
    assert numbers == {"at 11:30": 2, "at 12:15": 3, "at 12:45": 4, "at 13:15": 4, "at 13:45": 5}
