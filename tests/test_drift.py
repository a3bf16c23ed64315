"""What changes upstream without a word: it fails the build, or is counted, and what is served stays."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.world import World

SHIFTING = {
    "models/features/place.yml": (
        "description: How large.}",
        "description: How large., config: {meta: {max_null_rate: 0}}}",
    ),
    "models/services/score.yml": ("missing: reject}", "missing: reject, categories: [red, blue]}"),
    "models/services/score_v1.sql": (
        "coalesce(request_color, color)",
        "{{ asof.known_category('coalesce(request_color, color)', ['red', 'blue']) }}",
    ),
    # places have no load time: when they were known is assumed
    "models/staging/stg_places.sql": ("known_at", "{{ asof.known_after('occurred_at') }} as known_at"),
    "models/staging/stg_places.yml": (
        "description: One row per version.",
        "description: One row per version.\n    config: {meta: {safety_lag: 1 hour}}",
    ),
}


def test_a_source_that_drifts_fails_the_build_and_what_is_served_stays(world: World) -> None:
    for file, (old, new) in SHIFTING.items():
        world.replace(file, old, new)
    world.add("places", ("p", 7, "2026-05-01 08:30+00", None))
    world.thing("t", "2026-05-01 08:00")
    world.build("2026-05-01 10:00")
    pointer = world.pointer
    assert world.query("select known_at from stg_places") == [(datetime(2026, 5, 1, 9, 30, tzinfo=UTC),)]

    # what rests on an assumed known_at says so wherever people look
    assumed = {each: world.manifest["groups"][each]["not_knowledge_safe"] for each in ("place@1", "thing@1")}
    assert assumed == {"place@1": [{"name": "stg_places", "safety_lag": "1 hour"}], "thing@1": []}
    with world.shim("2026-05-01 10:01") as client:
        catalog, page = client.get("/v1/catalog").get_json(), client.get("/").get_data(as_text=True)
    assert {each["group"]: each["not_knowledge_safe"] for each in catalog["groups"]} == assumed
    assert page.count("Not knowledge-safe: when stg_places was known is assumed, 1 hour after it occurred.") == 1

    # a column renamed, a type changed; and a staging model that claims a delay without saying which
    world.execute("alter table raw.things rename column color to colour")
    world.execute("alter table raw.places alter column size type bigint")
    world.replace("models/staging/stg_departures.sql", "known_at", "{{ asof.known_after('occurred_at') }} as known_at")
    run = world.build("2026-05-01 11:00", fails=True)
    assert run.says('Referenced column "color" not found')
    assert run.says("models/features/place_v1.sql: place@1 declares size as integer, but its SQL gives bigint")
    assert run.says("models/staging/stg_departures.sql: asof.known_after('occurred_at') names no length.")
    assert run.says("nothing published: ")
    assert world.pointer == pointer

    # a null where none was: in what a group promises, and in what every event has
    world.execute("alter table raw.things rename column colour to color")
    world.execute("alter table raw.places alter column size type integer")
    world.replace("models/staging/stg_departures.sql", "{{ asof.known_after('occurred_at') }} as known_at", "known_at")
    world.add("places", ("p", None, "2026-05-01 10:30+00", None))
    world.add("departures", (None, "2026-05-01 11:30+00", "2026-05-01 11:30+00"))
    run = world.build("2026-05-01 12:00", fails=True)
    assert run.says("size is null more often than its declared max_null_rate 0 | 1 |")
    assert run.says("event_id, occurred_at or known_at is null | 1 |")
    assert run.says("nothing published: ")
    assert world.pointer == pointer

    # a category that nobody knew: the model is given `other`, and the build says how often
    world.execute("delete from raw.places where size is null")
    world.execute("delete from raw.departures")
    for row_id, color in (("seen", "blue"), ("unseen", "mauve"), ("unseen too", "beige")):
        world.example(row_id, "t", "2026-05-01 10:30", request_color=color)
    run = world.build("2026-05-01 13:00")
    assert {row_id: row["color"] for row_id, row in world.training().items()} == {
        "seen": "blue",
        "unseen": "other",
        "unseen too": "other",
    }
    assert run.says(
        "score@1: color is 'other' in 2 of 3 answers to these examples: values that are none of its declared"
    )
    assert world.pointer["sequence_number"] == pointer["sequence_number"] + 1
