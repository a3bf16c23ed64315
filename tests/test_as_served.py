"""Training rows equal what was answered: the shim is asked at a time, and a later build trains on the same request.

Each scene plays in a small project. What is asked is asked of the shim, over its own routes, before the next build.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from asof.__main__ import main
from tests.world import Run, World

FEATURES = [
    "color",
    "events_30d",
    "amount_total",
    "hours_since_last_event",
    "place_size",
    "request_amount",
    "is_known",
]

Row = dict[str, Any]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def as_json(value: Any) -> Any:
    """A training value as it would come out of the JSON of an answer."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        text = value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f").rstrip("0").rstrip(".")
        return text + "Z"
    return value


def assert_trained_as_answered(answered: Row, trained: Row, where: str) -> None:
    """Status, the groups' statuses, and each feature's value and type."""
    assert trained["status"] == answered["status"], where
    for group, status in answered["groups"].items():
        assert trained[f"{group}_status"] == status, (where, group)
    assert list(answered["features"]) == FEATURES
    for name, value in answered["features"].items():
        expected = as_json(trained[name])
        assert type(value) is type(expected), (where, name)
        assert value == expected, (where, name)


@dataclass
class ServedWorld:
    """Requests to the shim, each to become an example of a world."""

    world: World
    answers: dict[str, Row] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    examples: list[tuple] = field(default_factory=list)

    def ask(self, row_id: str, thing: str, now: str, color: str | None = None) -> Row:
        """One request at a time such as '2026-05-01 10:00'; returns its row."""
        return self.ask_all(now, {row_id: (thing, color)})[row_id]

    def ask_all(self, now: str, requests: dict[str, tuple[str, str | None]]) -> dict[str, Row]:
        entities = [{"thing_id": t, "request_amount": 12.5, "request_color": c} for t, c in requests.values()]
        answer = self.world.ask("score", entities, now)
        for (row_id, (thing, color)), row in zip(requests.items(), answer["rows"], strict=True):
            self.answers[row_id] = row
            self.numbers[row_id] = answer["sequence_number"]
            self.examples.append((row_id, thing, f"{now}+00", 12.5, color, True, f"{now}+00"))
        return {row_id: self.answers[row_id] for row_id in requests}

    def train(self, now: str) -> Run:
        """Makes examples of all that was asked, and builds."""
        self.world.add("examples", *self.examples)
        return self.world.build(now)

    def check(self) -> dict[str, Row]:
        """Every answer equals its training row; a rejected one has none. Returns the training rows."""
        training = self.world.training()
        for row_id, answered in self.answers.items():
            if answered["status"] == "REJECTED":
                assert answered["features"] is None
                assert row_id not in training
            else:
                assert_trained_as_answered(answered, training[row_id], row_id)
                assert training[row_id]["sequence_number"] == self.numbers[row_id], row_id
        return training


def check_exported(world: World, repository: Path, groups: dict[str, str], row_ids: list[str]) -> dict[str, Row]:
    """Looks examples up as Feast would in what `asof feast` wrote, an entity's last row at or before the
    time, and applies the SQL beside it: stored values are those of the rows, answers those of the training rows.
    Returns the answers.

    groups: those of the service, and by which key they are found, in the order in which they can be.
    """
    joined = "select row_id, thing_id, prediction_time as event_timestamp, request_amount, request_color from asked"
    for group, key in groups.items():
        data = str(repository / f"data/{group}_v1.parquet").replace("'", "''")
        joined = (
            f"select asked.*, {group}.* exclude ({key}, asof_served_from, asof_recorded_at) from ({joined}) as asked "
            f"asof left join '{data}' as {group} on {group}.{key} = asked.{key} and asof_served_from <= event_timestamp"
        )
    with world.warehouse() as warehouse:
        examples = "select * from score_examples where row_id in (select unnest(?))"
        warehouse.execute(f"create temp table asked as {examples}", [row_ids])
        warehouse.execute(f"create temp table feast as {joined}")
        stored = [name for name, *_ in warehouse.execute("describe feast").fetchall()][5:]
        assert {f"{group}_status" for group in groups} <= set(stored)
        for name in stored:
            found = f"coalesce(feast.{name}, 'NOT_FOUND')" if name.endswith("_status") else f"feast.{name}"
            if name == "place_id":  # of a stale thing too, whose place is still looked up
                found = f"case when rows.thing_status = 'OK' then {found} end"
            both = f"select row_id, rows.{name}, {found} from score_v1_rows as rows join feast using (row_id)"
            different = warehouse.execute(f"{both} where {found} is distinct from rows.{name}").fetchall()
            assert not different, (name, different)

        answers = warehouse.execute((repository / "services/score_v1.sql").read_text())
        names = [column[0] for column in answers.description]
        rows = [dict(zip(names, row, strict=True)) for row in answers.fetchall()]
    training = world.training()
    answered = {row["row_id"]: row for row in rows if row["status"] != "REJECTED"}
    assert answered.keys() == training.keys() & set(row_ids)
    for row_id, row in answered.items():
        assert row.pop("rejected_columns") is None
        assert row == {name: training[row_id][name] for name in row}, row_id
    return answered


# --------------------------------------------------------------------------------------------------- one day


@dataclass
class Day:
    world: World
    requested: ServedWorld
    training: dict[str, Row]
    said: Run


# Times around every border of the day: published_at of both builds and the max_age (90 minutes) of the thing's group.
FIRST_SNAPSHOT = [
    "2026-05-01 10:00:00.000001",  # published_at itself
    "2026-05-01 10:00:00.000002",
    "2026-05-01 11:29:59.999999",
    "2026-05-01 11:30:00",  # exactly max_age after as_of
    "2026-05-01 11:30:00.000001",
    "2026-05-01 12:00:00",  # the next build's moment, published a microsecond later
]
SECOND_SNAPSHOT = ["2026-05-01 12:00:00.000001", "2026-05-01 12:45", "2026-05-01 14:30"]
THINGS = ["plain", "homeless", "lost", "colorless", "late", "leaver", "nobody"]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory, parsed_world: Path) -> Day:
    """Backfilled for 08:00 and 09:00, built at 10:00, 12:00 and 15:00; everything is asked at every border."""
    world = World(tmp_path_factory.mktemp("day") / "world", template=parsed_world)
    world.replace("models/features/thing.yml", "max_age: 2 hours", "max_age: 90 minutes")
    world.replace("models/features/place.yml", "max_age: 2 hours", "max_age: 4 hours")
    world.add("places", ("p", 7, "2026-05-01 07:00+00", "2026-05-01 07:00+00"))
    world.thing("plain", "2026-05-01 07:30")
    world.thing("homeless", "2026-05-01 07:30", place=None)
    world.thing("lost", "2026-05-01 07:30", place="q")  # a place that nobody has heard of
    world.thing("colorless", "2026-05-01 07:30", color=None)
    world.add("things", ("late", "p", "red", "2026-05-01 08:00+00", "2026-05-01 09:30+00"))
    world.thing("leaver", "2026-05-01 07:30")
    world.add("departures", ("leaver", "2026-05-01 10:30+00", "2026-05-01 10:35+00"))
    world.event("first", "plain", "2026-05-01 07:45", amount=2.5)
    world.event("own", "plain", "2026-05-01 09:00", amount=0.25)  # at a backfilled moment
    world.event("own live", "plain", "2026-05-01 10:00", amount=0.75)  # at a build's moment
    world.backfill("2026-05-01T08:00", "2026-05-01T09:00", "1 hour", now="2026-05-01 09:55")
    requested = ServedWorld(world)

    def ask_everything(times: list[str]) -> None:
        for now in times:
            requests = {f"{now} {thing} {color}": (thing, color) for thing in THINGS for color in (None, "blue")}
            requested.ask_all(now, requests)

    world.build("2026-05-01 10:00")
    ask_everything(FIRST_SNAPSHOT)
    world.build("2026-05-01 12:00")
    ask_everything(SECOND_SNAPSHOT)

    for row_id, thing, at in [
        ("before all", "plain", "2026-05-01 08:00:59.999999"),
        ("at the first", "plain", "2026-05-01 08:01"),
        ("own", "plain", "2026-05-01 09:00"),
        ("own, a minute later", "plain", "2026-05-01 09:01"),
        ("late at nine", "late", "2026-05-01 09:01"),
        ("late at ten", "late", "2026-05-01 10:00:00.000001"),
        ("own live", "plain", "2026-05-01 10:00"),
        ("last microsecond", "plain", "2026-05-01 14:59:59.999999"),
    ]:
        world.example(row_id, thing, at, request_color="blue")
    world.example("label at the cut-off", "plain", "2026-05-01 10:30", label_known_at="2026-05-01 15:00")
    world.example("immature", "plain", "2026-05-01 10:30", label_known_at="2026-05-01 15:00:00.000001")
    world.example("never labelled", "plain", "2026-05-01 10:30", label_known_at=None)
    said = requested.train("2026-05-01 15:00")
    return Day(world, requested, world.training(), said)


def test_every_answer_of_the_day_equals_its_training_row(day: Day) -> None:
    """Exactly at published_at and at max_age, and a microsecond around both, for found, lost and unknown things."""
    day.requested.check()
    assert len(day.requested.answers) == (len(FIRST_SNAPSHOT) + len(SECOND_SNAPSHOT)) * len(THINGS) * 2
    statuses = {answer["status"] for answer in day.requested.answers.values()}
    assert statuses == {"OK", "STALE", "PARTIAL", "NOT_FOUND", "REJECTED"}


@pytest.mark.parametrize(
    ("at", "publication", "status"),
    [
        ("2026-05-01 10:00:00.000001", 1, "OK"),
        ("2026-05-01 11:30:00", 1, "OK"),
        ("2026-05-01 11:30:00.000001", 1, "STALE"),
        ("2026-05-01 12:00:00", 1, "STALE"),
        ("2026-05-01 12:00:00.000001", 2, "OK"),
    ],
)
def test_a_publication_begins_at_its_microsecond_and_a_group_is_stale_only_after_its_max_age(
    day: Day, at: str, publication: int, status: str
) -> None:
    answered, trained = (rows[f"{at} plain blue"] for rows in (day.requested.answers, day.training))
    assert (answered["status"], trained["status"]) == (status, status)
    assert trained["sequence_number"] == day.requested.numbers[f"{at} plain blue"] == publication
    assert not trained["is_backfilled"]


def test_a_row_is_partial_without_another_group_and_not_found_without_its_first(day: Day) -> None:
    """The missing group's features are null, and a coalesce in the service does not pass them off as known."""
    at = "2026-05-01 10:00:00.000002"
    for thing in ("homeless", "lost"):  # its place is null; its place is one that is not known
        answered = day.requested.answers[f"{at} {thing} None"]
        assert answered["status"] == "PARTIAL"
        assert answered["groups"] == {"thing": "OK", "place": "NOT_FOUND"}
        assert answered["features"]["place_size"] is None
        assert answered["features"]["color"] == "red"
    answered = day.requested.answers[f"{at} nobody blue"]
    assert answered["status"] == "NOT_FOUND"
    assert answered["groups"] == {"thing": "NOT_FOUND", "place": "NOT_FOUND"}
    assert answered["features"]["events_30d"] == 0  # its coalesce(events_30d, 0)
    assert answered["features"]["is_known"] is False


def test_a_row_without_a_required_column_is_rejected_and_still_says_what_was_found(day: Day) -> None:
    answers = day.requested.answers
    unknown = answers["2026-05-01 10:00:00.000002 nobody None"]
    assert unknown == {
        "status": "REJECTED",
        "groups": {"thing": "NOT_FOUND", "place": "NOT_FOUND"},
        "features": None,
        "rejected": ["color"],
    }
    known = answers["2026-05-01 10:00:00.000002 colorless None"]
    assert (known["status"], known["groups"]) == ("REJECTED", {"thing": "OK", "place": "OK"})
    assert answers["2026-05-01 10:00:00.000002 colorless blue"]["status"] == "OK"
    rejected = [row_id for row_id, answer in answers.items() if answer["status"] == "REJECTED"]
    assert f"{len(rejected)} rejected" in next(line for line in day.said.said if "training rows" in line)


def test_a_stale_group_still_leads_to_the_group_looked_up_through_it(day: Day) -> None:
    """The place is found through the key as stored; the stale thing's own features are null."""
    stale = day.requested.answers["2026-05-01 11:30:00.000001 plain blue"]
    assert stale["status"] == "STALE"
    assert stale["groups"] == {"thing": "STALE", "place": "OK"}
    assert stale["features"] == {
        "color": "blue",
        "events_30d": 0,
        "amount_total": None,
        "hours_since_last_event": None,
        "place_size": 7,
        "request_amount": 12.5,
        "is_known": False,
    }
    unsent = day.requested.answers["2026-05-01 11:30:00.000001 plain None"]
    assert (unsent["status"], unsent["groups"]) == ("REJECTED", {"thing": "STALE", "place": "OK"})
    # stale comes before partial
    assert day.requested.answers["2026-05-01 11:30:00.000001 homeless blue"]["status"] == "STALE"


def test_an_entity_that_left_is_not_found_from_the_next_publication_on(day: Day) -> None:
    assert day.training["2026-05-01 11:29:59.999999 leaver blue"]["thing_status"] == "OK"
    assert day.training["2026-05-01 12:00:00.000001 leaver blue"]["thing_status"] == "NOT_FOUND"


def test_an_event_is_not_counted_in_a_prediction_made_at_its_own_time(day: Day) -> None:
    """A moment is served only once published: a lag later where backfilled, a microsecond later at a frozen clock."""
    counts = {row_id: day.training[row_id]["events_30d"] for row_id in ("own", "own, a minute later", "own live")}
    assert counts == {"own": 1, "own, a minute later": 2, "own live": 2}
    assert [day.training[row_id]["is_backfilled"] for row_id in counts] == [True, True, True]
    after = day.training["2026-05-01 10:00:00.000001 plain blue"]
    assert (after["events_30d"], after["amount_total"]) == (3, 3.5)


def test_an_example_before_its_entity_was_known_is_not_found_rather_than_zeros(day: Day) -> None:
    """Made at 08:00, known at 09:30: no point at 09:00."""
    early, later = day.training["late at nine"], day.training["late at ten"]
    assert (early["status"], early["thing_status"], early["amount_total"]) == ("NOT_FOUND", "NOT_FOUND", None)
    assert (later["status"], later["thing_status"]) == ("OK", "OK")


def test_an_example_before_the_first_snapshot_is_left_out_and_counted(day: Day) -> None:
    assert "before all" not in day.training
    assert day.training["at the first"]["status"] == "OK"
    (counted,) = [line for line in day.said.said if "training rows" in line]
    assert "left out: 1 without a snapshot," in counted


def test_a_label_that_is_not_known_by_the_build_keeps_its_example_out_and_is_counted(day: Day) -> None:
    """What has no outcome yet is no negative example; known exactly at the build's moment is known."""
    assert "label at the cut-off" in day.training
    assert day.training.keys().isdisjoint({"immature", "never labelled"})
    (counted,) = [line for line in day.said.said if "training rows" in line]
    assert counted.endswith("2 not yet labelled.")
    examples = len(day.requested.answers) + 11
    assert f"{len(day.training)} training rows of {examples} examples" in counted


def test_an_immature_label_comes_in_with_the_first_build_after_it(day: Day) -> None:
    """And the rows that were there before are the same as before."""
    day.world.build("2026-05-01 15:01")
    later = day.world.training()
    assert later.keys() - day.training.keys() == {"immature"}
    assert {row_id: later[row_id] for row_id in day.training} == day.training


def test_a_training_set_can_be_built_as_of_an_earlier_time_but_vouches_for_nothing(day: Day) -> None:
    """As if it had been 12:30: what was asked or labelled later is left out and counted, the rest is the same."""
    world = day.world
    whole = world.training()
    files = {path: path.read_bytes() for path in (world.folder / "training").iterdir()}
    pointer, cutoff = world.pointer, datetime(2026, 5, 1, 12, 30, tzinfo=UTC)
    expected = {
        row_id: row
        for row_id, row in whole.items()
        if row["prediction_time"] < cutoff and row["label_known_at"] <= cutoff
    }
    assert 0 < len(expected) < len(whole)
    selection = ("--select", "path:models/services", "path:models/training")
    earlier = ("--vars", "{asof_training_cutoff: '2026-05-01T12:30:00Z'}")

    run = world.dbt("run", *selection, *earlier, now="2026-05-01 15:02")
    assert world.training() == expected
    left_out = len(whole.keys() | {"immature", "never labelled"}) - len(expected)
    assert run.says(f"{len(expected)} training rows of")
    assert run.says(f"{left_out} not yet labelled.")

    # examples end by the same cut-off, where they say so; the test on them insists
    world.replace(
        "models/services/score_examples.sql",
        "'examples') }}",
        "'examples') }} where prediction_time < {{ asof.cutoff() }}",
    )
    # a whole build under it, tested with the same cut-off, is green and still neither published nor written to a file
    run = world.build("2026-05-01 15:02", *earlier)
    assert run.says("nothing is published, written to a file or taken as tested")
    assert world.training() == expected
    # nor are its tables published by tests that know nothing of it
    run = world.dbt("test", "--exclude", "score_examples", "score_v1", now="2026-05-01 15:02")
    assert run.says("nothing published: the last run was made under asof_training_cutoff; run `dbt build`.")
    assert world.pointer == pointer
    assert {path: path.read_bytes() for path in (world.folder / "training").iterdir()} == files


# ------------------------------------------------------------------------------ what publications do afterwards


def name_publications(world: World) -> None:
    """Gives the world's examples the column `sequence_number`, as those from a request log have."""
    world.execute("alter table raw.examples add column sequence_number bigint")
    world.replace("models/services/score_examples.sql", "label_known_at\n", "label_known_at, sequence_number\n")
    world.replace(
        "models/services/score.yml",
        "  - name: score\n",
        "      - {name: sequence_number, data_type: bigint, description: The publication that answered.}\n"
        "  - name: score\n",
    )


def test_a_rollback_a_slow_replica_a_moved_link_and_a_new_max_age_are_trained_as_answered_and_exported(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.add("places", ("p", 7, "2026-05-01 07:00+00", "2026-05-01 07:00+00"))
    world.add("places", ("q", 8, "2026-05-01 07:00+00", "2026-05-01 07:00+00"))
    world.thing("t", "2026-05-01 07:30", place="p", color="grey")
    world.thing("t", "2026-05-01 09:59:20", place="p", color="red")
    world.thing("t", "2026-05-01 10:40", place="q", color="green")  # moved
    world.thing("t", "2026-05-01 11:28", place="q", color="blue")
    world.thing("t", "2026-05-01 11:50", place="q", color="green")
    world.event("e", "t", "2026-05-01 10:50", amount=3)
    requested = ServedWorld(world)
    name_publications(world)
    requested.examples = []

    # stands for a publication that would come after the first live one, so for none
    world.backfill("2026-05-01T09:59", "2026-05-01T09:59", "1 minute", now="2026-05-01 09:59:10")
    world.build("2026-05-01 09:59:30")
    before = requested.ask("first", "t", "2026-05-01 10:45")
    # a replica that had not picked up the publication of 11:00 yet
    replica = requested.ask("replica", "t", "2026-05-01 11:00:02")
    world.build("2026-05-01 11:00")
    second = requested.ask("second", "t", "2026-05-01 11:10")
    world.dbt("run-operation", "rollback", "--args", "{to: 1}", now="2026-05-01 11:20")
    rolled_back = requested.ask("rolled back", "t", "2026-05-01 11:25")
    world.build("2026-05-01 11:30")  # held: what it recorded of the blue thing never counts
    world.dbt("run-operation", "release", now="2026-05-01 11:40")
    requested.ask("released", "t", "2026-05-01 11:45")
    world.build("2026-05-01 12:00")
    again = requested.ask("again", "t", "2026-05-01 12:05")
    old_age = requested.ask("within two hours", "t", "2026-05-01 12:59")
    world.replace("models/features/thing.yml", "max_age: 2 hours", "max_age: 5 minutes")
    world.build("2026-05-01 13:00")
    fresh = requested.ask("within five minutes", "t", "2026-05-01 13:05", color="blue")
    stale = requested.ask("after five minutes", "t", "2026-05-01 13:05:00.000001", color="blue")

    assert [row["features"]["place_size"] for row in (before, second, rolled_back, again)] == [7, 8, 7, 8]
    assert [row["features"]["color"] for row in (before, second, rolled_back, again)] == [
        "red",
        "green",
        "red",
        "green",
    ]
    assert [row["features"]["events_30d"] for row in (before, second, rolled_back, again)] == [0, 1, 0, 1]
    assert replica["features"]["place_size"] == 7
    assert [row["status"] for row in (old_age, fresh, stale)] == ["OK", "OK", "STALE"]
    numbers = ["first", "replica", "second", "rolled back", "released", "again", "within five minutes"]
    assert [requested.numbers[row_id] for row_id in numbers] == [1, 1, 2, 3, 3, 4, 5]

    # the request log names the publication that answered; the same request by its time alone is the next one's
    requested.examples = [(*row, 1 if row[0] == "replica" else None) for row in requested.examples]
    requested.examples.append(("by time", "t", "2026-05-01 11:00:02+00", 12.5, None, True, "2026-05-01 12:00+00", None))
    requested.train("2026-05-01 14:00")
    training = requested.check()
    assert training["by time"]["sequence_number"] == 2
    assert training["by time"]["place_size"] == 8

    # Feast is asked by the time alone, too
    repository = tmp_path / "repository"
    for name, value in world.environment("2026-05-01 14:00").items():
        monkeypatch.setenv(name, value)
    assert main(["feast", "--to", str(repository), "--project", str(world.folder)]) == 0
    row_ids = [row_id for row_id in training if row_id != "replica"]
    exported = check_exported(world, repository, {"thing": "thing_id", "place": "place_id"}, row_ids)
    assert [exported[row_id]["place_size"] for row_id in ("by time", "rolled back", "released", "again")] == [
        8,
        7,
        7,
        8,
    ]


# ---------------------------------------------------------------------------------------------- group versions


def test_a_new_group_version_is_trained_on_backfilled_moments_and_leaves_the_old_one_alone(world: World) -> None:
    """The second version is backfilled months later, daily; the first was live. An event corrected in between counts
    as it was known then.
    """
    world.replace("models/features/thing.yml", "max_age: 2 hours", "max_age: 26 hours")
    world.replace("models/features/place.yml", "max_age: 2 hours", "max_age: 26 hours")
    world.add("places", ("p", 7, "2026-03-01 00:00+00", "2026-03-01 00:00+00"))
    world.thing("t", "2026-03-01 00:00")
    world.add("events", ("e", "t", 5, "2026-03-09 08:00+00", "2026-03-09 08:00+00", False))
    world.build("2026-03-09 10:00")
    world.event("live", "t", "2026-03-10 09:00", amount=1)
    world.build("2026-03-10 10:00")
    requested = ServedWorld(world)
    requested.ask("v1", "t", "2026-03-10 10:30")
    requested.train("2026-03-10 11:00")
    before = world.training()

    # the source corrects the event: a second version of it, known two days later
    world.add("events", ("e", "t", 9, "2026-03-09 08:00+00", "2026-03-12 11:00+00", False))
    models = world.folder / "models"
    for name in (
        "features/thing_v{}.sql",
        "history/thing_v{}_history.sql",
        "online/thing_v{}_latest.sql",
        "services/score_v{}.sql",
        "services/score_v{}_rows.sql",
        "training/score_v{}_training.sql",
    ):
        text = (models / name.format(1)).read_text()
        (models / name.format(2)).write_text(
            text.replace("thing@1", "thing@2").replace("score_v1_rows", "score_v2_rows")
        )
    world.replace("models/features/thing.yml", "versions: [{v: 1}]", "versions: [{v: 1}, {v: 2}]")
    world.replace("models/services/score.yml", "versions: [{v: 1}]", "versions: [{v: 1}, {v: 2}]")
    world.dbt(
        "run",
        "--select",
        "+thing_v2_history",
        "--vars",
        "{backfill: {from: 2026-03-08, to: 2026-03-13, every: 1 day}}",
        now="2026-06-01 10:00",
    )
    world.build("2026-06-01 12:00")

    second = world.training("score_v2")["v1"]
    assert (second["is_backfilled"], second["thing_status"], second["place_status"]) == (True, "OK", "OK")
    # the moment of March 10, 00:00: the event as it was known then, and not the one of 09:00
    assert (second["events_30d"], second["amount_total"]) == (1, 5.0)
    assert world.training() == before
    requested.check()
    assert (before["v1"]["events_30d"], before["v1"]["is_backfilled"]) == (2, False)
    amounts = dict(
        world.query(
            "select as_of, amount_total from thing_v2_history where run_id in "
            "(select run_id from asof_counted_moments where group_id = 'thing@2' and kind = 'backfill')"
        )
    )
    assert {as_of.day: amount for as_of, amount in amounts.items()} == {8: None, 10: 6 - 1, 11: 6, 13: 10}


# ------------------------------------------------------------------------------------- time zones of the machine


def test_a_machine_in_another_zone_computes_and_answers_the_same_across_a_change_of_clocks(
    tmp_path: Path, parsed_world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New York goes over to summer time on 2026-03-08 at 07:00 UTC; Kolkata is off by half an hour."""
    found: dict[str, Any] = {}
    for zone in ("UTC", "America/New_York", "Asia/Kolkata"):
        world = World(tmp_path / zone.replace("/", "-"), template=parsed_world)
        world.replace("models/features/thing_v1.sql", "'30 days'", "'1 day'")
        world.add("places", ("p", 7, "2026-03-01 00:00+00", "2026-03-01 00:00+00"))
        world.thing("t", "2026-03-06 12:00")
        for number, hour in enumerate(["06 20:30", "07 06:30", "07 07:00", "07 07:30", "08 06:59", "08 07:00"]):
            world.event(f"e{number}", "t", f"2026-03-{hour}", amount=number)
        for hour in ("07 06:30", "07 07:01", "08 06:30", "08 07:30"):
            world.example(hour, "t", f"2026-03-{hour}")
        world.backfill("2026-03-07T00:00", "2026-03-08T07:00", "30 minutes", now="2026-03-08 07:20", TZ=zone)
        world.dbt("build", now="2026-03-08 08:00", TZ=zone)
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        try:
            answer = world.ask("score", [{"thing_id": "t", "request_amount": 1}], "2026-03-08 08:10")
        finally:
            monkeypatch.delenv("TZ")
            time.tzset()
        history = world.history(columns="* exclude (run_id)")
        del answer["snapshot_id"]
        found[zone] = history, world.training(), answer
    history, training, answer = found["UTC"]
    # a day before 08 07:30 is 07 07:30, whatever clocks on walls were doing
    counts = {row[1].strftime("%d %H:%M"): row[6] for row in history}
    assert counts["08 07:00"] == 3  # 07:30 of the day before, 06:59, 07:00
    assert {row_id: row["events_30d"] for row_id, row in training.items()} == {
        "07 06:30": 1,
        "07 07:01": 3,
        "08 06:30": 3,
        "08 07:30": 3,
    }
    assert answer["rows"][0]["features"]["events_30d"] == 2
    assert found["America/New_York"] == found["UTC"]
    assert found["Asia/Kolkata"] == found["UTC"]
