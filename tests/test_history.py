"""What history records, what of it counts, and that neither runs, backfills nor kills change what counts."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.world import World, backfill_of

ALL_COLUMNS = "thing_id, as_of, is_tombstone, place_id, color, events_lifetime, events_30d, amount_total, last_event_at"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def settle(world: World, since: str = "2026-05-01 08:00") -> None:
    """The place that the things lie at, so that the other group is never the news."""
    world.add("places", ("p", 5, f"{since}+00", f"{since}+00"))


def copy(world: World, folder: Path) -> World:
    return World(folder, template=world.folder)


def dump(world: World) -> dict[str, list[tuple]]:
    """All tables and views but the logs of the runs themselves."""
    logs = ("asof_runs", "asof_results", "asof_definitions", "asof_profiles")
    with world.warehouse() as warehouse:
        names = [
            row[0]
            for row in warehouse.execute("select table_name from duckdb_tables() where schema_name = 'main'").fetchall()
        ]
        return {
            name: sorted(map(repr, warehouse.execute(f"select * from {name}").fetchall()))
            for name in names
            if name not in logs
        }


def files(folder: Path) -> dict[str, bytes]:
    """All files, but what is held or found, and why, which is no part of what is published."""
    found = [path for path in folder.rglob("*") if path.is_file() and path.name not in ("held.json", "health.json")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_what_was_recorded_but_not_published_never_counts_and_its_moment_runs_again(world: World) -> None:
    """Only tested data counts: neither rows of a failed build nor those of an untested formula are compared with."""
    settle(world)
    world.thing("a", "2026-05-01 08:00")
    world.event("e", "a", "2026-05-01 08:30", amount=620000)
    run = world.build("2026-05-01 09:00", fails=True)
    assert run.says("amount_total lies outside its declared range")
    assert world.pointer is None
    assert world.query("select count(*) from thing_v1_history") == [(1,)]  # recorded, but
    assert world.history() == []

    world.execute("update raw.events set amount = 620")
    world.build("2026-05-01 09:00")
    amounts = "thing_id, as_of, amount_total"
    assert [(key, when, float(amount)) for key, when, amount in world.history(columns=amounts)] == [
        ("a", at("2026-05-01 09:00"), 620.0)
    ]
    # the clock stood still, and nothing is served in the instant that it was computed for
    assert world.pointer["published_at"] == "2026-05-01T09:00:00.000001Z"
    assert world.ask("score", [{"thing_id": "a", "request_amount": 1}], "2026-05-01 08:59")["prediction_time"] == (
        "2026-05-01T09:00:00.000001Z"
    )

    world.replace("models/features/thing_v1.sql", "sum(event.amount)", "2 * sum(event.amount)")
    world.dbt("run", now="2026-05-01 10:00")
    world.replace("models/features/thing_v1.sql", "2 * sum(event.amount)", "sum(event.amount)")
    world.dbt("run", now="2026-05-01 10:00")
    assert world.query("select distinct amount_total from thing_v1_history order by 1") == [(620,), (1240,), (620000,)]
    world.dbt("test", now="2026-05-01 10:00")
    assert world.pointer["sequence_number"] == 2
    world.build("2026-05-01 11:00")
    # neither 620000 nor 1240 was ever compared with: nothing changed since 09:00
    assert [row[1] for row in world.history()] == [at("2026-05-01 09:00")]
    assert world.query("select distinct amount_total from thing_v1_latest") == [(620,)]


def test_a_moment_beyond_the_clock_is_refused_and_leaves_nothing_behind(world: World) -> None:
    """Moments only go forward: a typo in the year would block every later build."""
    settle(world)
    world.thing("a", "2026-05-01 08:00")
    run = world.build("2062-05-01 09:00", fails=True)
    assert run.says("lies beyond this machine's clock")
    run = world.build("2026-05-01 09:00", "--vars", "{as_of: '2026-05-01T09:00:01Z'}", fails=True)
    assert run.says("lies beyond now")
    world.build("2026-05-01 09:00")
    assert world.query("select distinct as_of from asof_moments") == [(at("2026-05-01 09:00"),)]


def test_a_run_whose_base_moved_does_not_count(world: World) -> None:
    """A run counts only if the counted moments of its groups are still those it compared with."""
    settle(world)
    world.thing("a", "2026-05-01 06:30")
    world.event("e", "a", "2026-05-01 09:30")
    world.dbt("run", now="2026-05-01 10:00")
    world.backfill("2026-05-01 07:00", "2026-05-01 09:00", "1 hour", now="2026-05-01 10:00")
    run = world.dbt("test", now="2026-05-01 10:00")
    assert run.says("nothing published")
    assert world.pointer is None
    assert [row[1] for row in world.history()] == [at("2026-05-01 07:00")]

    world.build("2026-05-01 10:00")
    assert world.pointer["sequence_number"] == 1
    assert world.history(columns="as_of, events_lifetime") == [
        (at("2026-05-01 07:00"), 0),
        (at("2026-05-01 10:00"), 1),
    ]


def test_backfills_go_before_what_counts_and_never_into_it(world: World) -> None:
    """History is append-only: a backfill lies wholly before the first counted moment, before and after going live."""
    settle(world, "2025-11-01 00:00")
    world.thing("a", "2025-11-15 00:00")
    for month in ("2025-12", "2026-01", "2026-02"):
        for day in ("02", "03"):
            world.event(f"{month}-{day}", "a", f"{month}-{day} 12:00")
    world.backfill("2026-01-01 00:00", "2026-01-05 00:00", "1 day", now="2026-03-01 00:00")
    january = world.history(columns=ALL_COLUMNS)
    assert [row[1] for row in january] == [at(f"2026-01-0{day}") for day in (1, 2, 3, 4)]

    world.backfill("2025-12-01 00:00", "2025-12-31 00:00", "1 day", now="2026-03-01 00:00")
    december = world.history(columns=ALL_COLUMNS)
    assert december[-4:] == january
    assert [row[1] for row in december[:-4]] == [at("2025-12-01"), at("2025-12-03"), at("2025-12-04")]

    for start, end in (("2026-02-01 00:00", "2026-02-05 00:00"), ("2026-01-02 12:00", "2026-01-02 13:00")):
        run = world.backfill(start, end, "30 minutes", now="2026-03-01 00:00", fails=True)
        assert run.says("a backfill lies wholly before the first moment that counts, 2025-12-01")
    # the neighbours between which the second would have put a moment
    assert run.says("2026-01-02 00:00:00.000000+00:00 and 2026-01-03 00:00:00.000000+00:00")
    assert world.history(columns=ALL_COLUMNS) == december

    # live at 01:00, then no build until 08:30, when somebody wants the hours between filled in
    world.build("2026-03-01 01:00")
    world.event("night", "a", "2026-03-01 01:30")
    world.backfill("2025-11-16 00:00", "2025-11-20 00:00", "1 day", now="2026-03-01 02:00")
    live = world.history(columns=ALL_COLUMNS)
    assert live[-1][1] == at("2026-03-01 01:00")
    assert set(december) < set(live)
    run = world.backfill("2026-03-01 02:00", "2026-03-01 08:00", "1 hour", now="2026-03-01 08:30", fails=True)
    assert run.says("Filling in between would change what was known and served then")
    for row_id, when in (("early", "02:30"), ("late", "06:30")):
        world.example(row_id, "a", f"2026-03-01 {when}")
        world.example(f"{row_id}-sent", "a", f"2026-03-01 {when}", request_color="blue")
    world.build("2026-03-01 08:30")
    training = world.training()
    # as served: the value of 01:00 while that was fresh, then STALE; never what a later fill would have known
    assert training["early"]["status"] == "OK"
    assert training["early"]["hours_since_last_event"] == 26 * 24 - 9.5  # since 3 February 12:00, not since 01:30
    assert "late" not in training
    assert training["late-sent"]["status"] == "STALE"
    assert [row for row in world.history(columns=ALL_COLUMNS) if row[1] <= at("2026-03-01 01:00")] == live


def test_a_new_version_has_a_history_of_its_own_and_leaves_the_old_one_alone(world: World) -> None:
    """A changed meaning is a new version: backfilled, its training rows say so, and the published version's stay."""
    settle(world)
    world.execute("update raw.places set occurred_at = '2026-03-01 00:00+00', known_at = '2026-03-01 00:00+00'")
    world.thing("a", "2026-03-01 00:00")
    world.event("e1", "a", "2026-03-09 12:00")
    world.event("e2", "a", "2026-03-10 09:00")
    world.build("2026-03-10 10:00")
    before = world.history(columns=ALL_COLUMNS)

    add_version_two(world)
    run = world.backfill(
        "2026-03-05 00:00",
        "2026-03-14 00:00",
        "1 day",
        now="2026-03-15 00:00",
        groups="thing_v2_history place_v1_history",
        fails=True,
    )
    assert run.says("place@1: a backfill lies wholly before")
    world.backfill("2026-03-05 00:00", "2026-03-14 00:00", "1 day", now="2026-03-15 00:00", groups="thing_v2_history")
    world.example("asked", "a", "2026-03-10 10:30")
    world.build("2026-03-15 01:00")
    assert [row for row in world.history(columns=ALL_COLUMNS) if row[1] < at("2026-03-15")] == before
    two, one = world.training("total_v1")["asked"], world.training()["asked"]
    # of 10 March 00:00 (published, so to say, at 00:01), which knew the first event only
    assert (two["is_backfilled"], two["events_all"], two["status"]) == (True, 1, "OK")
    assert (one["is_backfilled"], one["events_30d"], one["status"]) == (False, 2, "OK")


def add_version_two(world: World) -> None:
    """thing@2, whose moments may be a day old, and a service of its own on the same examples."""
    models = world.folder / "models"
    sql = (models / "features" / "thing_v1.sql").read_text()
    (models / "features" / "thing_v2.sql").write_text(sql)
    world.replace(
        "models/features/thing.yml",
        "versions: [{v: 1}]",
        "versions: [{v: 1}, {v: 2, config: {meta: {owner: tests, max_age: 25 hours}}}]",
    )
    for folder, suffix in (("history", "history"), ("online", "latest")):
        shutil.copy(models / folder / f"thing_v1_{suffix}.sql", models / folder / f"thing_v2_{suffix}.sql")
    (models / "services" / "total_v1.sql").write_text(
        "select row_id, events_lifetime as events_all from {{ ref('total_v1_rows') }}\n"
    )
    (models / "services" / "total_v1_rows.sql").write_text("{{ asof.rows(['thing@2'], examples='score_examples') }}\n")
    (models / "training" / "total_v1_training.sql").write_text("{{ asof.training() }}\n")
    (models / "services" / "total.yml").write_text(
        """models:
  - name: total
    latest_version: 1
    description: One row per thing.
    config: {meta: {owner: tests}}
    data_tests: [asof.service]
    columns:
      - {name: row_id, data_type: varchar, description: The request.}
      - {name: events_all, data_type: bigint, description: All events.}
    versions: [{v: 1}]
"""
    )


def test_two_keys_that_read_alike_when_joined_are_two_entities(world: World) -> None:
    """Keys are compared as columns, never as concatenated strings."""
    settle(world)
    world.thing("a", "2026-05-01 08:00")
    models = world.folder / "models"
    # the composite key is (color, place_id) of the raw things: ('1', '11') and ('11', '1') at one time
    world.add("things", ("x", "1", "11", "2026-05-01 08:00+00", "2026-05-01 08:00+00"))
    world.add("things", ("y", "11", "1", "2026-05-01 08:00+00", "2026-05-01 08:00+00"))
    (models / "staging" / "stg_corners.sql").write_text(
        "select thing_id || ' ' || cast(occurred_at as varchar) as event_id, occurred_at, known_at, "
        "thing_id, place_id as place, color as corner\nfrom {{ source('raw', 'things') }}\n"
    )
    (models / "entities" / "corners.sql").write_text(
        "select place, corner, min(known_at) as first_seen_at from {{ ref('stg_corners') }} group by place, corner\n"
    )
    (models / "features" / "corner_v1.sql").write_text(
        "select point.place, point.corner, point.as_of, count(arrival.event_id) as arrivals\n"
        "from {{ asof.points(ref('corners')) }} as point\n"
        "{{ asof.left_join_known(ref('stg_corners'), as='arrival', on=['place', 'corner']) }}\n"
        "group by 1, 2, 3\n"
    )
    (models / "features" / "corner.yml").write_text(
        """models:
  - name: corner
    latest_version: 1
    description: One row per corner and moment.
    config: {meta: {owner: tests, max_age: 2 hours}}
    data_tests: [asof.feature_group]
    columns:
      - {name: place, data_type: varchar, description: The place.}
      - {name: corner, data_type: varchar, description: Its corner.}
      - {name: as_of, data_type: timestamptz, description: The moment.}
      - {name: arrivals, data_type: bigint, description: All arrivals.}
    versions: [{v: 1}]
"""
    )
    (models / "entities" / "corners.yml").write_text(
        "models:\n  - name: corners\n    description: One row per corner.\n    data_tests: [asof.entity]\n"
        "    columns: [{name: place}, {name: corner}, {name: first_seen_at}]\n"
    )
    (models / "history" / "corner_v1_history.sql").write_text("{{ asof.history() }}\n")
    (models / "online" / "corner_v1_latest.sql").write_text("{{ asof.latest() }}\n")
    world.build("2026-05-01 10:00")
    columns = "place, corner, as_of, arrivals, is_tombstone"
    first = [("1", "11", at("2026-05-01 10:00"), 1, False), ("11", "1", at("2026-05-01 10:00"), 1, False)]
    assert world.history("corner", columns)[:2] == first

    # one of them changes, one goes: each for itself
    world.add("things", ("z", "1", "11", "2026-05-01 10:30+00", "2026-05-01 10:30+00"))
    world.execute("delete from raw.things where thing_id = 'y'")
    world.build("2026-05-01 11:00")
    assert [row for row in world.history("corner", columns) if row[2] == at("2026-05-01 11:00")] == [
        ("1", "11", at("2026-05-01 11:00"), 2, False),
        ("11", "1", at("2026-05-01 11:00"), None, True),
    ]
    assert world.query("select place, corner from corner_v1_latest where place in ('1', '11')") == [("1", "11")]


def test_a_backfill_records_each_change_departure_and_return(world: World) -> None:
    """A row wherever something changed, a tombstone wherever it went, also among rows none of which counts yet."""
    # so that a thing without color, place and events has null features only
    for old, new in (
        ("count(event.event_id) as", "nullif(count(event.event_id), 0) as"),
        ("count(event.event_id) filter", "case when count(event.event_id) > 0 then count(event.event_id) filter"),
        ("as events_30d", "end as events_30d"),
    ):
        world.replace("models/features/thing_v1.sql", old, new)
    settle(world, "2026-01-01 00:00")
    # nothing happens: three events on 1 January, none since
    world.thing("quiet", "2026-01-01 00:00")
    for number in range(3):
        world.event(f"quiet{number}", "quiet", "2026-01-01 12:00")
    # A, B, A, then gone at a moment of the backfill
    world.thing("aba", "2026-02-02 00:00", color="A")
    world.thing("aba", "2026-02-03 00:00", color="B")
    world.thing("aba", "2026-02-04 00:00", color="A")
    # known on the 5th, gone on the 11th, which is the first live moment
    world.thing("leaver", "2026-02-05 00:00")
    # gone and back, with the same features as before
    world.thing("back", "2026-02-02 00:00")
    world.thing("back", "2026-02-06 00:00")
    # gone and back, with all of its features null, as a tombstone's are
    for when in ("2026-02-02 00:00", "2026-02-06 00:00"):
        world.thing("blank", when, color=None, place=None)
    for thing, when in (
        ("aba", "2026-02-05 00:00"),
        ("back", "2026-02-04 00:00"),
        ("blank", "2026-02-04 00:00"),
        ("leaver", "2026-02-11 00:00"),
    ):
        world.add("departures", (thing, f"{when}+00", f"{when}+00"))

    world.build("2026-02-11 00:00")
    leaver = [{"thing_id": "leaver", "request_amount": 1, "request_color": "red"}]
    assert world.ask("score", leaver, "2026-02-11 00:30")["rows"][0]["status"] == "NOT_FOUND"
    live = world.history(columns=ALL_COLUMNS)
    world.backfill("2026-01-28 00:00", "2026-02-10 00:00", "1 day", now="2026-02-11 01:00")

    def lives(thing: str, feature: str) -> list[tuple]:
        return world.query(
            f"select strftime(as_of, '%m-%d'), is_tombstone, {feature} from thing_v1_history "
            f"where thing_id = '{thing}' order by as_of"
        )

    # (the live row of the 11th was there first)
    assert lives("quiet", "events_30d") == [("01-28", False, 3), ("02-01", False, 0), ("02-11", False, 0)]
    assert lives("aba", "color") == [
        ("02-02", False, "A"),
        ("02-03", False, "B"),
        ("02-04", False, "A"),
        ("02-05", True, None),
    ]
    assert lives("back", "color") == [
        ("02-02", False, "red"),
        ("02-04", True, None),
        ("02-06", False, "red"),
        ("02-11", False, "red"),
    ]
    assert [row[:2] for row in lives("blank", "color")] == [
        ("02-02", False),
        ("02-04", True),
        ("02-06", False),
        ("02-11", False),
    ]
    # the backfill left the leaver alive, and the live rows never heard of it: closed at the first counted moment
    assert lives("leaver", "color") == [("02-05", False, "red"), ("02-11", True, None)]
    assert set(live) < set(world.history(columns=ALL_COLUMNS))

    world.example("gone", "leaver", "2026-02-11 00:30", request_color="red")
    world.example("there", "leaver", "2026-02-10 00:30", request_color="red")
    world.build("2026-02-11 02:00")
    assert world.ask("score", leaver, "2026-02-11 02:30")["rows"][0]["status"] == "NOT_FOUND"
    training = world.training()
    assert (training["gone"]["status"], training["there"]["status"]) == ("NOT_FOUND", "OK")


def test_running_again_full_refresh_and_empty_do_no_harm(world: World) -> None:
    """A run at a moment that counts changes nothing at all; --full-refresh and --empty leave history alone."""
    settle(world)
    for thing in ("a", "b"):
        world.thing(thing, "2026-05-01 08:00")
        world.event(f"e-{thing}", thing, "2026-05-01 08:30")
    world.build("2026-05-01 09:00")
    world.example("r", "a", "2026-05-01 09:30")
    world.build("2026-05-01 10:00")
    tables, published, training = dump(world), files(world.folder / "published"), files(world.folder / "training")
    assert {"thing_v1_history", "things", "clock", "asof_moments", "asof_publications", "score_v1_training"} <= set(
        tables
    )

    for arguments in ([], ["--full-refresh"]):
        run = world.dbt("run", *arguments, now="2026-05-01 10:00")
        assert run.says("thing@1: the moment 2026-05-01 10:00:00.000000+00:00 already counts; nothing to record.")
        assert dump(world) == tables
        assert files(world.folder / "published") == published
        assert files(world.folder / "training") == training

    run = world.dbt("run", "--empty", now="2026-05-01 10:30")
    assert run.says("thing@1: nothing is recorded under --empty")
    # the view of the group now says `where false`: that must not be read as all entities gone
    run = world.dbt("run", "--select", "thing_v1_history", now="2026-05-01 11:00", fails=True)
    assert run.says("thing@1: what it reads was last built with --empty or --sample")
    assert run.says("Nothing was recorded")
    assert world.dbt("test", now="2026-05-01 11:00", fails=False).says("nothing published")
    assert files(world.folder / "published") == published
    world.build("2026-05-01 12:00")
    assert world.pointer["sequence_number"] == 3
    assert dump(world)["thing_v1_history"] == tables["thing_v1_history"]
    assert dump(world)["place_v1_history"] == tables["place_v1_history"]


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        pytest.param(
            "group by 1, 2, 3, 4",
            "where attribute.color <> 'blue'\ngroup by 1, 2, 3, 4",
            "1 points without a row",
            id="fewer",
        ),
        pytest.param("group by 1, 2, 3, 4", "group by 1, 2, 3, 4, event.event_id", "1 rows too many", id="more"),
        pytest.param(
            "group by 1, 2, 3, 4",
            "where attribute.color <> 'blue'\ngroup by 1, 2, 3, 4, event.event_id",
            "1 points without a row, 0 rows that are no point, 1 rows too many",
            id="one lost and one doubled",
        ),
    ],
)
def test_anything_but_one_row_per_point_is_refused_and_nothing_recorded(
    world: World, old: str, new: str, complaint: str
) -> None:
    """A group that loses or multiplies rows must never pass for entities that went."""
    settle(world)
    world.thing("a", "2026-05-01 08:00")
    world.thing("b", "2026-05-01 08:00", color="blue")
    world.event("e1", "a", "2026-05-01 08:30")
    world.event("e2", "a", "2026-05-01 08:40")
    world.replace("models/features/thing_v1.sql", old, new)
    run = world.dbt("run", "--select", "+thing_v1_history", now="2026-05-01 09:00", fails=True)
    assert run.says(complaint)
    assert run.says("exactly one row per point")
    assert world.query("select count(*) from thing_v1_history") == [(0,)]
    assert world.query("select count(*) from asof_moments") == [(0,)]


BACKFILL = ("2026-05-01 05:00", "2026-05-01 08:00", "30 minutes")


def test_a_killed_backfill_resumes_to_what_an_unkilled_one_records(world: World, tmp_path: Path) -> None:
    """One transaction per moment, resumed under the same id; never with other SQL. Started over only if unpublished."""
    settle(world, "2026-05-01 04:00")
    for hour in range(4, 8):
        world.thing(f"t{hour}", f"2026-05-01 {hour:02}:15")
        for minute in (20, 50):
            world.event(f"e{hour}{minute}", f"t{hour - hour % 2}", f"2026-05-01 {hour:02}:{minute}")
    world.add("departures", ("t5", "2026-05-01 07:10+00", "2026-05-01 07:10+00"))
    unkilled = copy(world, tmp_path / "unkilled")
    now = "2026-05-01 09:00"
    unkilled.backfill(*BACKFILL, now=now, groups="thing_v1_history")

    command = ("run", "--select", "+thing_v1_history", *backfill_of(*BACKFILL))
    # in the middle of the fourth moment: its rows are written, but not committed
    world.killed_at("after_history", *command, now=now, passes=3)
    (backfill_id,) = world.query("select backfill_id from asof_backfills")[0]
    assert world.query("select count(*) from asof_moments") == [(3,)]
    assert world.history() == []
    changed = copy(world, tmp_path / "changed")

    run = world.backfill(*BACKFILL, now=now, groups="thing_v1_history")
    assert run.says(f"resuming {backfill_id} after 3 moments")
    assert world.query("select backfill_id from asof_backfills where completed_at is not null") == [(backfill_id,)]
    assert world.history(columns=ALL_COLUMNS) == unkilled.history(columns=ALL_COLUMNS)
    assert len(world.history()) == world.query("select count(*) from thing_v1_history")[0][0] > 8
    assert world.query("select as_of, points, rows_written from asof_moments order by as_of") == unkilled.query(
        "select as_of, points, rows_written from asof_moments order by as_of"
    )
    assert world.query("select as_of, event_model, known_rows from asof_known_rows order by all") == unkilled.query(
        "select as_of, event_model, known_rows from asof_known_rows order by all"
    )
    done = dump(world)["thing_v1_history"]
    assert world.backfill(*BACKFILL, now=now, groups="thing_v1_history").says("this backfill is already complete")
    assert dump(world)["thing_v1_history"] == done

    changed.replace("models/features/thing_v1.sql", "sum(event.amount)", "10 * sum(event.amount)")
    run = changed.backfill(*BACKFILL, now=now, groups="thing_v1_history")
    assert run.says(f"its SQL changed since the backfill {backfill_id} was begun; that one never counts")
    columns = ALL_COLUMNS.replace("amount_total", "amount_total / 10")
    assert changed.history(columns=columns) == unkilled.history(
        columns=ALL_COLUMNS.replace("amount_total", "amount_total / 1")
    )
    assert changed.query("select distinct run_id from asof_counted_moments") != [(backfill_id,)]

    # the formula still being worked on: forgotten while nobody was served from it, never after
    changed.dbt("run-operation", "start_over", "--args", "{group: thing@1}", now=now)
    changed.build(now)
    assert [row[1] for row in changed.history()] == [at(now)] * 3
    run = changed.dbt("run-operation", "start_over", "--args", "{group: thing@1}", now=now, fails=True)
    assert run.says("thing@1 was published 1 times")
    assert len(changed.history()) == 3


def test_what_the_source_forgets_is_gone_from_then_on_and_begins_a_new_life_when_it_returns(world: World) -> None:
    """Entities once seen are remembered: a half-loaded source counts for nothing, a tested departure for good."""
    settle(world)
    for thing in ("a", "b"):
        world.thing(thing, "2026-05-01 08:00")
    (world.folder / "tests").mkdir()
    check = world.folder / "tests" / "enough_things.sql"
    check.write_text("select count(*) as things from {{ ref('stg_things') }} having count(*) < 2\n")
    world.build("2026-05-01 10:00")

    # half-loaded: its test fails
    world.execute("delete from raw.things where thing_id = 'b'")
    world.build("2026-05-01 11:00", fails=True)
    sent = [{"thing_id": "b", "request_amount": 1}]
    assert world.ask("score", sent, "2026-05-01 11:01")["rows"][0]["status"] == "OK"
    world.thing("b", "2026-05-01 08:00")
    world.build("2026-05-01 12:00")
    first = [("a", at("2026-05-01 10:00"), False), ("b", at("2026-05-01 10:00"), False)]
    assert world.history() == first
    assert world.query("select first_seen_at, gone_at from things where thing_id = 'b'") == [
        (at("2026-05-01 08:00"), None)
    ]

    # forgotten for good: somebody deleted it in the source. It is gone from the run that counts, not from one before
    check.unlink()
    world.execute("delete from raw.things where thing_id = 'b'")
    world.dbt("run", now="2026-05-01 12:30")
    world.build("2026-05-01 13:00")
    assert world.history() == [*first, ("b", at("2026-05-01 13:00"), True)]
    requested = [{"thing_id": "b", "request_amount": 1, "request_color": "red"}]
    assert world.ask("score", requested, "2026-05-01 13:01")["rows"][0]["status"] == "NOT_FOUND"

    # and back with its old times, as if it had been there all along
    world.thing("b", "2026-05-01 08:00")
    world.dbt(
        "run-operation",
        "accept_backdating",
        "--args",
        "{event_model: stg_things, reason: restored}",
        now="2026-05-01 13:30",
    )
    for hour in range(10, 14):
        world.example(f"at {hour}:30", "b", f"2026-05-01 {hour}:30", request_color="red")
    world.build("2026-05-01 14:00")
    assert world.history() == [*first, ("b", at("2026-05-01 13:00"), True), ("b", at("2026-05-01 14:00"), False)]
    assert world.query("select first_seen_at, gone_at from things where thing_id = 'b' order by 1") == [
        (at("2026-05-01 08:00"), at("2026-05-01 13:00")),
        (at("2026-05-01 14:00"), None),
    ]
    assert world.ask("score", requested, "2026-05-01 14:01")["rows"][0]["status"] == "OK"
    assert {row_id: row["status"] for row_id, row in world.training().items()} == {
        "at 10:30": "OK",
        "at 11:30": "OK",
        "at 12:30": "OK",
        "at 13:30": "NOT_FOUND",
    }
    assert world.training()["at 11:30"]["prediction_time"] - timedelta(hours=1, minutes=30) == at("2026-05-01 10:00")


def test_who_left_and_came_back_between_two_runs_has_two_lives(world: World) -> None:
    world.thing("a", "2026-05-01 08:00")
    world.build("2026-05-01 10:00")
    world.add("departures", ("a", "2026-05-01 10:10+00", "2026-05-01 10:10+00"))
    world.thing("a", "2026-05-01 10:20", color="blue")
    world.build("2026-05-01 11:00")
    assert world.query("select first_seen_at, gone_at from things order by 1") == [
        (at("2026-05-01 08:00"), at("2026-05-01 10:10")),
        (at("2026-05-01 10:20"), None),
    ]
    rows = [("a", at("2026-05-01 10:00"), False, "red"), ("a", at("2026-05-01 11:00"), False, "blue")]
    assert world.history(columns="thing_id, as_of, is_tombstone, color") == rows
