"""Components that merge, split or are edited between two runs, and entities that two of them share."""

from __future__ import annotations

from tests.test_components import PART_Y, X, fraud, groups, held, moments, pay, two
from tests.test_faults import PUBLISHING, REPORTING
from tests.test_publication import add_service_of_a_new_group, assert_whole
from tests.world import World

__all__ = ["two"]  # a fixture


def now(world: World) -> tuple[str | None, ...]:
    """The moments of card@1, mark@1 and thing@1 in the snapshot."""
    return tuple(moments(world).get(id) for id in ("card@1", "mark@1", "thing@1"))


def test_components_that_merge_and_split(two: World) -> None:
    world = two
    add_service_of_a_new_group(world)
    for file in ("features/mark.yml", "services/tally.yml"):
        world.replace(f"models/{file}", ", publish: false", "")
    world.replace("models/features/mark.yml", "[2, 100]", "[0, 100]")
    ranged = "description: How large., config: {meta: {range: [0, 100]}}}"
    world.replace("models/features/place.yml", "description: How large.}", ranged)
    run = world.build("2026-05-01 10:00")
    assert run.says("4 groups, 3 services.")
    first = groups(world)

    # a test on groups of two components joins them, and holds both; the third goes out
    joins = world.folder / "tests" / "joins.sql"
    joins.write_text("-- {{ ref('card', v=1) }}\nselect 1 as problem from {{ ref('thing_v1_latest') }}\n")
    run = world.build("2026-05-01 10:10", fails=True)
    assert run.says("carried over: card@1, fraud@1, place@1, score@1, thing@1: failed tests: joins.")
    assert moments(world) == {"card@1": "10:00", "place@1": "10:00", "thing@1": "10:00", "mark@1": "10:10"}
    joins.unlink()

    # a value in one group's source is tampered with: its component is held and says so, the two others go out
    world.thing("b", "2026-05-01 10:12")
    world.execute("update raw.places set size = -1")
    run = world.build("2026-05-01 10:15", fails=True)
    assert run.says("carried over: place@1, score@1, thing@1: failed tests: asof_feature_group_place_v1_.")
    assert moments(world) == {"card@1": "10:15", "mark@1": "10:15", "place@1": "10:00", "thing@1": "10:00"}
    assert {each["reason"] for each in held(world).values()} == {"failed tests: asof_feature_group_place_v1_."}
    world.execute("update raw.places set size = 5")

    # an entity that two components share: a moment that counts for one is run again for the other
    world.execute("create table raw.kept as from raw.things")
    world.execute("delete from raw.things where thing_id = 'b'")
    world.build("2026-05-01 10:15")
    assert moments(world)["thing@1"] == "10:15"
    alive = "select thing_id from things where gone_at is null order by 1"
    assert world.query(alive) == [("a",), ("b",)]
    assert [row[0] for row in world.history()] == ["a", "b"]
    assert [row[0] for row in world.history("mark", "thing_id")] == ["a", "b"]
    world.build("2026-05-01 10:20")
    assert world.query(alive) == [("a",)]
    assert [row[0] for row in world.history() if row[2]] == ["b"]

    # edited between run and test: what was not built so is held
    world.dbt("run", now="2026-05-01 10:30")
    world.replace("models/services/fraud_v1.sql", "select row_id", "select row_id /* edited */")
    run = world.dbt("test", now="2026-05-01 10:31")
    assert run.says("carried over: card@1, fraud@1: edited since it was built: fraud.v1. Run `dbt build`.")
    assert (moments(world)["card@1"], moments(world)["mark@1"]) == ("10:20", "10:30")

    # other groups under the same version: the service is held, with what it read and what it reads
    pay(world, 2, "2026-05-01 10:35")
    rows, text = "models/services/fraud_v1_rows.sql", "models/services/fraud.yml"
    world.replace(rows, "['card@1']", "['card@1', 'mark@1']")
    world.replace(text, "{meta: {owner: tests}}", "{meta: {owner: tests, lookups: {mark: card_id}}}")
    run = world.build("2026-05-01 10:40", fails=True)
    assert run.says("publication held: the compiled text of fraud@1 changed since it was published under this version")
    assert run.says("carried over: card@1, fraud@1, mark@1, tally@1: its compiled text changed under its version.")
    assert now(world) == (
        "10:20",
        "10:30",
        "10:40",
    )
    world.replace(rows, "['card@1', 'mark@1']", "['mark@1']")
    spent = "cast(0 as decimal(18, 2)) as spent"
    world.replace("models/services/fraud_v1.sql", "payments, spent", f"marks as payments, {spent}")
    run = world.build("2026-05-01 10:50", fails=True)
    assert run.says(
        "carried over: card@1: fraud@1 is carried over and reads card@1 by the text that was published before"
    )
    assert now(world) == (
        "10:20",
        "10:30",
        "10:50",
    )
    assert fraud(world, "10:51")["rows"][0]["features"]["payments"] == 1
    for name in (
        "features/card.yml",
        "features/card_v1.sql",
        "history/card_v1_history.sql",
        "online/card_v1_latest.sql",
    ):
        (world.folder / "models" / name).unlink()
    world.build("2026-05-01 11:00", fails=True)
    assert moments(world)["card@1"] == "10:20"  # while fraud reads it

    # a service is removed and its groups part: each goes by itself, and the service leaves
    for name in ("services/score.yml", "services/score_v1.sql", "services/score_v1_rows.sql"):
        text = (world.folder / "models" / name).read_text()
        (world.folder / "models" / name).unlink()
        if name.endswith(".yml"):
            (world.folder / "models" / "services" / "score.yml").write_text(text[: text.index("  - name: score\n")])
    (world.folder / "models/training/score_v1_training.sql").unlink()
    (world.folder / "tests/fails_score_v1.sql").unlink()
    world.build("2026-05-01 11:10", fails=True, FAIL="place_v1")
    assert (moments(world)["thing@1"], moments(world)["place@1"]) == ("11:10", "11:00")
    assert "score@1" not in world.manifest["services"]
    assert first.keys() >= world.manifest["groups"].keys()


def test_killed_before_and_after_each_write_with_carried_parts(two: World) -> None:
    """A part is built, and killed at each point: what is carried stays as it was, and nothing is there by half.

    (Between pointer and record: test_components.py.)
    """
    world = two
    world.build("2026-05-01 10:00")
    world.build("2026-05-01 10:01", fails=True, FAIL="score_v1")
    carried = {id: each for id, each in groups(world).items() if id != "card@1"}
    rows = len(world.history("card", "card_id, as_of"))
    for minute, point in enumerate([*PUBLISHING, *REPORTING], 10):
        pay(world, minute, f"2026-05-01 10:{minute}")
        number, card = world.pointer["sequence_number"], moments(world)["card@1"]
        world.killed_at(point, "build", *PART_Y, now=f"2026-05-01 10:{minute}")
        is_out = point not in PUBLISHING
        assert_whole(world)
        assert world.pointer["sequence_number"] == number + is_out
        assert moments(world)["card@1"] == (f"10:{minute}" if is_out else card)
        assert {id: each for id, each in groups(world).items() if id != "card@1"} == carried
        rows += is_out
    world.build("2026-05-01 10:30", *PART_Y)
    assert [row[0] for row in world.query("select distinct sequence_number from asof_publications order by 1")] == [
        *range(1, world.pointer["sequence_number"] + 1)
    ]
    assert len(world.history("card", "card_id, as_of")) == rows
    assert held(world).keys() == set(X)
    assert world.query("select count(*) from asof_publications where group_id = 'thing@1' and as_of is null") == [(0,)]
