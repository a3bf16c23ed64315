"""Observed models: the past of tables that hold only the present."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from tests.world import World

PLACES = (
    "{{ config(materialized='observed', unique_key='place_id') }}\n"
    "select place_id, size from {{ source('raw', 'places') }}\n"
)
# two key columns; joined as text ('1' and '23', '12' and '3') they would be the same
SHELVES = (
    "{{ config(materialized='observed', unique_key=['place_id', 'shelf']) }}\n"
    "select place_id, shelf, load from raw.shelves\n"
)
YAML = """
models:
  - name: stg_shelves
    description: What shelves held, as seen.
    data_tests: [asof.events]
    columns: [{name: event_id}, {name: occurred_at}, {name: known_at}]
"""


def at(hour: int) -> datetime:
    return datetime(2026, 5, 1, hour, tzinfo=UTC)


def seen(world: World) -> list[tuple]:
    return world.query("select place_id, known_at, size, is_deleted from stg_places order by known_at, place_id")


def observing(world: World) -> World:
    """The small project, with its places observed in a table that is overwritten."""
    staging: Path = world.folder / "models" / "staging"
    (staging / "stg_places.sql").write_text(PLACES)
    (staging / "stg_shelves.sql").write_text(SHELVES)
    (staging / "stg_shelves.yml").write_text(YAML)
    world.execute("create table raw.shelves (place_id varchar, shelf varchar, load integer)")
    world.execute("insert into raw.shelves values ('1', '23', 5), ('12', '3', 6)")
    world.add("places", ("p", 7, None, None), ("q", 1, None, None))
    return world


def test_a_table_that_is_overwritten_gets_a_past_that_nothing_takes_away(world: World) -> None:
    observing(world)
    staging = ("run", "--select", "stg_places", "stg_shelves")

    # neither a backfill nor --empty can have seen anything; the tables are there for those who read them
    past = "{backfill: {from: 2026-04-01, to: 2026-04-02, every: 1 day}}"
    run = world.dbt("run", "--select", "stg_places", "stg_shelves", "--vars", past, now="2026-05-01 08:00")
    assert run.says("stg_places: nothing is captured under --empty, --sample or a backfill.")
    assert seen(world) == []

    # the first capture is all that is known of before; it is read and tested as any event model
    run = world.build("2026-05-01 09:00")
    assert run.says("stg_places: first capture, 2 rows. Its history begins at 2026-05-01 09:00:00")
    assert seen(world) == [("p", at(9), 7, False), ("q", at(9), 1, False)]
    assert world.query("select place_id, first_seen_at, gone_at from places order by 1") == [
        ("p", at(9), None),
        ("q", at(9), None),
    ]
    assert world.pointer["sequence_number"] == 1

    # changed, appeared, disappeared, unchanged; killed halfway it leaves nothing
    world.execute("update raw.places set size = 8 where place_id = 'p'")
    world.execute("delete from raw.places where place_id = 'q'")
    world.add("places", ("r", None, None, None))
    world.killed_at("within_capture", *staging, now="2026-05-01 10:00")
    assert len(seen(world)) == 2
    assert "OBSERVED 1 appeared, 1 changed, 1 disappeared" in world.dbt(*staging, now="2026-05-01 10:00").output
    ten = [("p", at(10), 8, False), ("q", at(10), None, True), ("r", at(10), None, False)]
    assert seen(world)[2:] == ten
    assert world.query("select place_id, shelf, load, is_deleted from stg_shelves order by 1") == [
        ("1", "23", 5, False),
        ("12", "3", 6, False),
    ]

    # the feed is mended, and the same now run again: what it saw then is replaced, and a full refresh keeps the past
    world.execute("update raw.places set size = 80 where place_id = 'p'")
    world.build("2026-05-01 10:00", "--full-refresh")
    assert seen(world)[:2] == [("p", at(9), 7, False), ("q", at(9), 1, False)]
    assert seen(world)[2:] == [("p", at(10), 80, False), *ten[1:]]
    assert world.history("place", "place_id, as_of, is_tombstone, size") == [
        ("p", at(9), False, 7),
        ("q", at(9), False, 1),
        ("p", at(10), False, 80),
        ("q", at(10), False, None),
        ("r", at(10), False, None),
    ]

    # that moment was published: what it saw stays
    captured = seen(world)
    world.execute("update raw.places set size = 81 where place_id = 'p'")
    run = world.dbt(*staging, now="2026-05-01 10:00")
    assert run.says("stg_places: its source changed, but 2026-05-01 10:00:00.000000+00:00 already counts: nothing is")
    assert seen(world) == captured

    # faults: a key twice and one that is null; a column that is no longer there
    world.execute("insert into raw.shelves values ('1', '23', 9), ('12', null, 1)")
    (world.folder / "models/staging/stg_places.sql").write_text(
        PLACES.replace(" size ", " cast(size as bigint) as width ")
    )
    run = world.dbt(*staging, now="2026-05-01 11:00", fails=True)
    assert run.says(
        "the observed model stg_shelves has 1 keys (place_id, shelf) more than once, and 1 rows without a key"
    )
    assert run.says("stg_places are no longer those of the 5 rows it captured: size is gone, width is new.")
    assert run.says("write a second observed model with the new columns beside this one")
    assert seen(world) == captured
    assert world.query("select count(*) from stg_shelves") == [(2,)]
